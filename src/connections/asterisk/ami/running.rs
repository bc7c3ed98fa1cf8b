//! An action of an operator that is under way: its response, and where that is the begin of a list its items.

use super::super::actions::{Answer, Headers, NotRun, RunAction};
use super::super::orders::Reply;
use crate::wire::Secret;
use crate::wire::ami::{Action, Message};

/// Bytes of an answer that are kept.
const BYTES: usize = 1 << 20;
/// What each line takes besides its bytes, about.
const LINE: usize = 64;
/// These change what the session itself depends on.
const OWN: [&str; 5] = ["Login", "Logoff", "Challenge", "Events", "Filter"];

/// See the module.
pub struct Running {
    reply: Reply,
    answer: Answer,
    bytes: usize,
    is_list: bool,
    /// That of the login: no answer is told with it.
    secret: Option<Secret>,
}

/// The action as it is sent; the error says why it cannot be.
pub fn action(wish: &RunAction, id: &str) -> Result<Action, NotRun> {
    let unwritable = |reason: String| NotRun::Unwritable(reason);
    if OWN.iter().any(|own| own.eq_ignore_ascii_case(&wish.action)) {
        return Err(unwritable(format!("{} would change the session itself", wish.action)));
    }
    let mut action = Action::new(&wish.action, id).map_err(|error| unwritable(error.to_string()))?;
    for (name, value) in &wish.headers {
        if ["Action", "ActionID"].iter().any(|own| own.eq_ignore_ascii_case(name.trim())) {
            return Err(unwritable(format!("{} is not given as a header", name.trim())));
        }
        action = action.header(name, value).map_err(|error| unwritable(error.to_string()))?;
    }
    Ok(action)
}

impl Running {
    /// It is sent; `reply` waits for the answer.
    pub fn new(reply: Reply, secret: Option<Secret>) -> Running {
        Running { reply, answer: Answer::default(), bytes: 0, is_list: false, secret }
    }

    /// Whether its response was the begin of a list.
    pub fn is_list(&self) -> bool {
        self.is_list
    }

    /// The response begins a list.
    pub fn begin(&mut self, response: &Message) {
        self.is_list = true;
        self.answer.headers = self.headers(response);
    }

    /// An item of the list.
    pub fn item(&mut self, event: &Message) {
        let headers = self.headers(event);
        if !headers.is_empty() {
            self.answer.events.push(headers);
        }
    }

    /// The list is complete: this says so.
    pub fn complete(mut self, event: &Message) {
        self.item(event);
        self.reply.give(Ok(self.answer));
    }

    /// The response is all there is.
    pub fn finish(mut self, response: &Message) {
        self.answer.headers = self.headers(response);
        self.reply.give(Ok(self.answer));
    }

    /// The connection is lost.
    pub fn lose(self) {
        self.reply.give(Err(NotRun::Lost));
    }

    /// Headers as text, as far as there is room. What a command has printed goes to the output.
    fn headers(&mut self, message: &Message) -> Headers {
        for line in message.output() {
            if self.has_room(line.len()) {
                let line = self.text(line);
                self.answer.output.push(line);
            }
        }
        let mut headers = Headers::new();
        for (name, value) in message.headers() {
            let is_own = [&b"ActionID"[..], b"Output"].iter().any(|own| own.eq_ignore_ascii_case(name));
            if !is_own && self.has_room(name.len() + value.len()) {
                headers.push((self.text(name), self.text(value)));
            }
        }
        headers
    }

    fn text(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        self.secret.as_ref().map_or_else(|| text.to_string(), |secret| secret.take_out(&text))
    }

    fn has_room(&mut self, bytes: usize) -> bool {
        // Nothing behind a gap.
        let has_room = !self.answer.truncated && self.bytes + bytes + LINE <= BYTES;
        match has_room {
            true => self.bytes += bytes + LINE,
            false => self.answer.truncated = true,
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ami::Decoder;
    use tokio::time::Instant;

    fn message(text: &str) -> Message {
        let mut decoder = Decoder::new();
        decoder.buffer_mut().extend_from_slice(text.as_bytes());
        decoder.next_message().expect("a message").expect("whole")
    }

    fn answered(run: impl FnOnce(Running)) -> Answer {
        let (reply, mut told) = Reply::new();
        run(Running::new(reply, None));
        told.try_recv().expect("told").expect("an answer")
    }

    fn pairs(headers: &[(&str, &str)]) -> Headers {
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_answer_has_the_headers_and_what_was_printed() {
        let response =
            message("Response: Success\r\nActionID: x\r\nMessage: m\r\nOutput: one\r\nOutput: \r\n\r\n");
        let answer = answered(|run| run.finish(&response));
        assert_eq!(answer.headers, pairs(&[("Response", "Success"), ("Message", "m")]));
        assert_eq!((answer.output, answer.truncated), (vec!["one".to_owned(), String::new()], false));
    }

    #[test]
    fn a_list_has_its_items() {
        let answer = answered(|mut run| {
            run.begin(&message("Response: Success\r\nActionID: x\r\nEventList: start\r\n\r\n"));
            run.item(&message("Event: Peer\r\nActionID: x\r\nName: a\r\n\r\n"));
            run.complete(&message("Event: Done\r\nActionID: x\r\nEventList: Complete\r\n\r\n"));
        });
        let items = [
            pairs(&[("Event", "Peer"), ("Name", "a")]),
            pairs(&[("Event", "Done"), ("EventList", "Complete")]),
        ];
        assert_eq!(answer.events, items);
    }

    #[test]
    fn an_answer_is_kept_up_to_its_bound() {
        let item = message(&format!("Event: Peer\r\nName: {}\r\n\r\n", "x".repeat(60_000)));
        let answer = answered(|mut run| {
            (0..100).for_each(|_| run.item(&item));
            run.finish(&message("Response: Success\r\n\r\n"));
        });
        assert!(answer.truncated && answer.events.len() < 100);
        let kept: usize = answer.events.iter().flatten().map(|(name, value)| name.len() + value.len()).sum();
        assert!(kept <= BYTES, "{kept}");
    }

    #[test]
    fn what_is_not_one_action_is_not_sent() {
        let check = |name: &str, headers: &[(&str, &str)], says: &str| {
            let wish = RunAction { action: name.to_owned(), headers: pairs(headers), until: Instant::now() };
            let error = action(&wish, "1").expect_err(name).to_string();
            assert!(error.contains(says), "{error}");
        };
        check("Ping", &[("Channel", "a\r\nAction: Originate")], "Channel has the byte 0x0d");
        check("Ping", &[("A\nB", "x")], "has the byte");
        check("Ping", &[("actionid ", "7")], "not given as a header");
        check("Ping", &[("Action", "Originate")], "not given as a header");
        check("Ping", &[("X", &"y".repeat(1_020))], "1023 bytes");
        check("Ping\r\nX: y", &[], "has the byte");
        check("filter", &[], "the session itself");
    }
}
