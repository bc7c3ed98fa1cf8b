//! Who gets an event: a pure choice from its topics, the rules of the configuration, and what clients have said.

use crate::config::{EvapiSend, EvapiTopic};
use crate::matching::Pattern;
use crate::topics::turn::ReceiverId;

/// A client, by its number: the lowest connected first.
pub type ClientId = ReceiverId;

/// What a client has said of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wants {
    pub tag: Option<String>,
    /// The topics that it has subscribed to; `None`: it has not said, and gets what is sent to it.
    pub topics: Option<Vec<Pattern>>,
}

impl Wants {
    fn topic(&self, topic: &str) -> bool {
        self.topics.as_ref().is_none_or(|patterns| patterns.iter().any(|it| it.means(Some(topic))))
    }

    fn has(&self, tag: &str) -> bool {
        self.tag.as_deref() == Some(tag)
    }
}

/// The clients that get an event of these topics, each once and in their order. `clients` are in the order in which they
/// have connected.
pub fn receivers<'a>(
    topics: &[String],
    rules: &[EvapiTopic],
    clients: impl Iterator<Item = (ClientId, &'a Wants)> + Clone,
) -> Vec<ClientId> {
    let mut chosen = Vec::new();
    for topic in topics {
        let wanting = clients.clone().filter(|(_, wants)| wants.topic(topic));
        let rule = rules.iter().find(|rule| rule.topic.means(Some(topic)));
        match rule.map_or(&EvapiSend::Relay, |rule| &rule.send) {
            EvapiSend::Relay => chosen.extend(wanting.map(|(id, _)| id)),
            EvapiSend::Multicast(tag) => {
                chosen.extend(wanting.filter(|(_, wants)| wants.has(tag)).map(|(id, _)| id));
            }
            EvapiSend::Unicast(tag) => {
                chosen.extend(wanting.filter(|(_, wants)| wants.has(tag)).map(|(id, _)| id).take(1));
            }
        }
    }
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).expect("a pattern")
    }

    fn rules() -> Vec<EvapiTopic> {
        let rule = |topic, send| EvapiTopic { topic: pattern(topic), send };
        vec![
            rule("calls.mine", EvapiSend::Unicast("a".to_owned())),
            rule("calls*", EvapiSend::Multicast("a".to_owned())),
            rule("*.b", EvapiSend::Unicast("b".to_owned())),
        ]
    }

    /// Clients 1 to 6: without a tag, a, b, a, b; the sixth is a and wants calls alone.
    fn clients() -> Vec<Wants> {
        let tagged = |tag: &str| Wants { tag: Some(tag.to_owned()), topics: None };
        let calls = Wants { topics: Some(vec![pattern("calls.*"), pattern("x|y")]), ..tagged("a") };
        vec![Wants::default(), tagged("a"), tagged("b"), tagged("a"), tagged("b"), calls]
    }

    #[track_caller]
    fn check(topics: &[&str], expected: &[ClientId]) {
        let (topics, clients): (Vec<String>, _) =
            (topics.iter().map(|topic| (*topic).to_owned()).collect(), clients());
        assert_eq!(receivers(&topics, &rules(), (1..).zip(&clients)), expected, "{topics:?}");
    }

    #[test]
    fn a_topic_that_no_rule_names_goes_to_all_who_want_it() {
        check(&["alarms"], &[1, 2, 3, 4, 5]);
        check(&["x"], &[1, 2, 3, 4, 5, 6]);
        check(&[], &[]);
    }

    #[test]
    fn multicast_is_all_with_the_tag_and_unicast_the_first() {
        check(&["calls"], &[2, 4]);
        check(&["calls.other"], &[2, 4, 6]);
        check(&["calls.mine"], &[2]);
        check(&["x.b"], &[3]);
    }

    #[test]
    fn of_several_rules_the_first_counts() {
        // It fits the second and the third.
        check(&["calls.b"], &[2, 4, 6]);
    }

    #[test]
    fn an_event_of_several_topics_goes_to_each_client_once() {
        check(&["x.b", "calls", "calls.mine"], &[2, 3, 4]);
        check(&["alarms", "x"], &[1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn unicast_is_the_first_of_those_who_want_the_topic() {
        let subscribed =
            |topic: &str| Wants { tag: Some("a".to_owned()), topics: Some(vec![pattern(topic)]) };
        let clients = [subscribed("alarms"), subscribed("calls*"), subscribed("*")];
        let chosen = receivers(&["calls.mine".to_owned()], &rules(), (1..).zip(&clients));
        assert_eq!(chosen, [2]);
    }
}
