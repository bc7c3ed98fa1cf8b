//! What an answer means for the step that was sent.

use crate::managers::Answer;
use crate::plan::Request;
use crate::store::StepState;

/// How the walk goes on.
#[derive(Debug, PartialEq)]
pub enum Judgement {
    /// The step is done, with a remark where the peer did not simply say so.
    Done(Option<String>),
    /// The event fails.
    Failed(String),
    /// The step is to be sent again later; the state says what is known of it until then.
    Again(StepState, String),
}

/// Judges an answer. `possibly_done`: an earlier sending of the same creation may have been carried out.
///
/// "Not there" on a delete is done. "Already there" on a create is done only where our own journal shows that we may
/// have created it: otherwise somebody else's data would pass for ours. `restores`: that is what the event is for.
pub fn judge(answer: Answer, request: &Request, possibly_done: bool, restores: bool) -> Judgement {
    match answer {
        Answer::Done => Judgement::Done(None),
        Answer::Absent(text) if request.is_delete() => Judgement::Done(Some(text)),
        Answer::Exists(text) if request.creates().is_some() && (possibly_done || restores) => {
            Judgement::Done(Some(text))
        }
        Answer::Exists(text) | Answer::Absent(text) | Answer::Refused(text) => Judgement::Failed(text),
        Answer::NotTaken(reason) if !possibly_done => Judgement::Again(StepState::NotTaken, reason),
        Answer::NotTaken(reason) | Answer::Unanswered(reason) | Answer::NotUnderstood(reason) => {
            Judgement::Again(StepState::Unknown, reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::cai3g::{EnumRequest, HssRequest};

    #[test]
    fn an_answer_is_judged_by_what_was_asked_and_what_was_sent_before() {
        let create =
            || Request::Enum(EnumRequest::Create { msisdn: "tel:1".into(), public_id: "sip:a".into() });
        let delete = || Request::Hss(HssRequest::DeleteAssociation { association_id: "a".into() });
        let done = |text: &str| Judgement::Done(Some(text.into()));
        let failed = |text: &str| Judgement::Failed(text.into());
        let again = |state, text: &str| Judgement::Again(state, text.into());
        let check = |answer, request, sent_before, expected| {
            assert_eq!(judge(answer, &request, sent_before, false), expected, "{request} {sent_before}");
        };
        check(Answer::Done, create(), false, Judgement::Done(None));
        check(Answer::Absent("x".into()), delete(), false, done("x"));
        check(Answer::Absent("x".into()), create(), true, failed("x"));
        check(Answer::Exists("x".into()), create(), false, failed("x"));
        check(Answer::Exists("x".into()), create(), true, done("x"));
        check(Answer::Exists("x".into()), delete(), true, failed("x"));
        check(Answer::Refused("x".into()), create(), true, failed("x"));
        check(Answer::NotTaken("x".into()), create(), false, again(StepState::NotTaken, "x"));
        check(Answer::NotTaken("x".into()), create(), true, again(StepState::Unknown, "x"));
        check(Answer::Unanswered("x".into()), create(), false, again(StepState::Unknown, "x"));
        check(Answer::NotUnderstood("x".into()), create(), false, again(StepState::Unknown, "x"));
        assert_eq!(judge(Answer::Exists("x".into()), &create(), false, true), done("x"));
        assert_eq!(judge(Answer::Exists("x".into()), &delete(), false, true), failed("x"));
    }
}
