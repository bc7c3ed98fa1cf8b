//! The format of `--script` of the simulated peers, as their help tells it.

/// The long help of the option.
pub const SCRIPT: &str = "\
Rules for what shall go wrong: a JSON file with a list of them. Of those that match a request, the first that is neither \
skipping nor used up applies.

  [ {\"match\": {\"op\": \"Create\", \"mo\": \"DNSSubscription\"},
     \"skip\": 2, \"times\": 1, \"action\": {\"fault\": [4006, 15009]}},
    {\"action\": {\"delay\": 0.5}} ]

Everything but the action may be left out:

  match   which requests. op: Create, Set, Delete, Login or Logout; of
          SurgeMail the HTTP method. mo: how the type of the object
          begins, IMSAssociation or DNSSubscription; of SurgeMail the
          path. contains: a part of the body; of SurgeMail of the query
  skip    so many of them pass first
  times   it applies to so many, then to none; without it to all
  action  one of
          fault: code and detail code (or null); of SurgeMail status 500
          status: an HTTP status
          body: a text instead of an answer, with status or 200
          drop, hang: true; the connection ends, or no answer comes
          process_and_drop, process_and_hang: true; the same after
          what was asked is done
          delay: seconds, alone or before any of them";

#[cfg(test)]
mod tests {
    use super::SCRIPT;
    use crate::simulators::script;

    #[test]
    fn the_example_of_the_guide_is_a_script() {
        let page = include_str!("../../../docs/cli.md");
        let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
        let rules = script::parse(example.expect("an example")).expect("a script");
        assert_eq!(rules.len(), 3);
    }

    #[test]
    fn the_example_is_a_script_and_every_word_of_it_is_named() {
        let example = SCRIPT.split("\n\n").nth(1).expect("an example");
        let rules = script::parse(example).expect("a script");
        assert_eq!((rules.len(), rules[0].skip, rules[0].times), (2, 2, Some(1)));
        let no_action = script::parse(r#"[{"action": {"?": 1}}]"#).expect_err("no action").to_string();
        let no_match =
            script::parse(r#"[{"match": {"?": 1}, "action": {}}]"#).expect_err("no match").to_string();
        for known in [no_action, no_match] {
            let words = known.split("expected one of").nth(1).expect("a list").split('`').skip(1).step_by(2);
            for word in words.filter(|word| *word != "style") {
                assert!(SCRIPT.contains(word), "{word} is not explained");
            }
        }
    }
}
