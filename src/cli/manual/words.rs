//! Exit codes and examples of every command.

/// What a command's page says beyond its arguments.
pub struct Words {
    pub exit_codes: &'static [(u8, &'static str)],
    /// A command line, and what it does.
    pub examples: &'static [(&'static str, &'static str)],
}

/// Of a command; `path` is its words behind the program's name. One that is not known has the codes of all.
pub fn of(path: &str) -> &'static Words {
    WORDS.iter().find(|(command, _)| *command == path).map_or(&UNKNOWN, |(_, words)| words)
}

/// The commands that there are words of.
#[cfg(test)]
pub fn known() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(command, _)| *command)
}

const WRONG: (u8, &str) = (2, "wrong arguments");
const PLAIN: &[(u8, &str)] = &[(0, "done"), (1, "failure"), WRONG];
const ASKING: &[(u8, &str)] = &[(0, "done"), (1, "failure: no daemon, no permission, or refused"), WRONG];
const READING: &[(u8, &str)] = &[
    (0, "done, also where nothing was found to list"),
    (1, "failure: no permission, or neither daemon nor store can be read"),
    WRONG,
];
const SHOWING: &[(u8, &str)] = &[
    (0, "done"),
    (1, "failure: no permission, or neither daemon nor store can be read"),
    WRONG,
    (4, "there is no such event"),
];
const PLANNING: &[(u8, &str)] = &[
    (0, "it would be carried out, or ignored"),
    (1, "it would fail; or no permission, or neither daemon nor store can be read"),
    WRONG,
    (3, "its document cannot be planned"),
    (4, "there is no such event"),
];
const ACTING: &[(u8, &str)] = &[
    (0, "done with all"),
    (1, "failure: no daemon, no permission, not confirmed, or interrupted"),
    (2, "wrong arguments; also a filter without --yes where nobody can be asked"),
    (3, "some events were left alone, each with its reason"),
    (4, "there is no such event"),
];

static UNKNOWN: Words = Words { exit_codes: PLAIN, examples: &[] };

const fn words(
    exit_codes: &'static [(u8, &'static str)],
    examples: &'static [(&'static str, &'static str)],
) -> Words {
    Words { exit_codes, examples }
}

static WORDS: &[(&str, Words)] = &[
    (
        "run",
        words(
            &[
                (0, "stopped by a signal"),
                (1, "the configuration is wrong, the HTTP address is taken, or supervision gave up"),
                WRONG,
                (70, "a thread has hung for 60 seconds"),
                (71, "another node of the cluster has taken over, and this one could not begin anew"),
            ],
            &[(
                "eventmanager run --config /etc/em/em.ini",
                "Runs the daemon with the file of the Erlang release",
            )],
        ),
    ),
    (
        "check",
        words(
            &[(0, "nothing is wrong"), (1, "the file has errors"), WRONG],
            &[("eventmanager check", "Says what is wrong with the configuration, every error with its line")],
        ),
    ),
    (
        "plan",
        words(
            &[
                (0, "all would be carried out, or ignored"),
                (1, "something cannot be read or would fail"),
                WRONG,
            ],
            &[
                ("eventmanager plan documents.xml", "Shows what the documents of a file would send"),
                ("cat documents.xml | eventmanager plan --no-store -", "The same as if nobody were known"),
            ],
        ),
    ),
    (
        "events list",
        words(
            READING,
            &[
                ("eventmanager events list", "The latest 50 events"),
                ("eventmanager events list --status failed --since 7d", "What has failed in the last week"),
                ("eventmanager events list --text 321044 --all", "Every event that has to do with a phone"),
                (
                    "eventmanager events list --status failed --all --json | jq -r .reason | sort | uniq -c",
                    "Counts why events failed",
                ),
            ],
        ),
    ),
    (
        "events show",
        words(
            SHOWING,
            &[
                ("eventmanager events show 4711", "An event with its steps and their answers"),
                ("eventmanager events show 4711 --document", "Its document, with *** for secrets"),
            ],
        ),
    ),
    (
        "events plan",
        words(
            PLANNING,
            &[(
                "eventmanager events plan 4711",
                "What a retry would send: the rest of its plan, or a new one",
            )],
        ),
    ),
    (
        "events retry",
        words(
            ACTING,
            &[
                ("eventmanager events retry 4711", "Has an event run again"),
                (
                    "eventmanager events retry --status failed --since 2h --reason \"HSS is back\"",
                    "Shows what has failed in two hours, asks, and has it all run again",
                ),
                (
                    "eventmanager events retry --command UserAddRequest --since 2026-03-01 --yes",
                    "The same for one command, from a script",
                ),
            ],
        ),
    ),
    (
        "events resolve",
        words(
            ACTING,
            &[
                (
                    "eventmanager events resolve 4711 --reason \"changed at the portal\"",
                    "Ends a failed event as ignored",
                ),
                (
                    "eventmanager events resolve --user test@example.net --reason \"tests\" --yes",
                    "The same with all failed events that a user gave",
                ),
            ],
        ),
    ),
    (
        "subscribers list",
        words(
            READING,
            &[
                ("eventmanager subscribers list anna", "Subscribers whose user id begins so"),
                ("eventmanager subscribers list 321044", "Who has this phone"),
                ("eventmanager subscribers list --group KNI-014", "The members of a group"),
            ],
        ),
    ),
    (
        "subscribers show",
        words(
            &[
                (0, "done"),
                (1, "failure: no such subscriber, no permission, or neither daemon nor store can be read"),
                WRONG,
            ],
            &[(
                "eventmanager subscribers show anna@example.org",
                "A subscriber's row, its latest events and their steps",
            )],
        ),
    ),
    (
        "subscribers reprovision",
        words(
            ASKING,
            &[
                (
                    "eventmanager subscribers reprovision anna@example.org --plan",
                    "Shows what would be sent, and sends nothing",
                ),
                (
                    "eventmanager subscribers reprovision anna@example.org --reason \"lost by the HSS\"",
                    "Shows it, asks, and has it sent",
                ),
            ],
        ),
    ),
    (
        "backup",
        words(
            &[(0, "copied and checked"), (1, "not all could be copied"), WRONG],
            &[(
                "eventmanager backup /var/backups/events.db",
                "Copies the embedded database while the daemon runs",
            )],
        ),
    ),
    (
        "schema",
        words(
            PLAIN,
            &[(
                "eventmanager schema postgresql",
                "Prints the tables, for whoever makes them before the daemon may",
            )],
        ),
    ),
    (
        "status",
        words(
            &[
                (0, "the daemon answers, whatever it says; or the store was read where it is down"),
                (1, "failure: no permission, or neither daemon nor store can be read"),
                WRONG,
            ],
            &[
                ("eventmanager status", "Connections, systems, hosts, backlog"),
                ("eventmanager status --tree", "The same with every actor and its restarts"),
                ("eventmanager status --json | jq .events.failed", "How many events have failed"),
            ],
        ),
    ),
    (
        "pause",
        words(
            ASKING,
            &[(
                "eventmanager pause hss --reason \"upgrade, ticket 4711\"",
                "Has nothing sent to the HSS until a resume",
            )],
        ),
    ),
    (
        "states list",
        words(
            ASKING,
            &[
                ("eventmanager states list --diverged", "What an Asterisk has otherwise than it was told"),
                (
                    "eventmanager states list --peer pbx-a --name SIP/1",
                    "What has to do with some devices and pbx-a",
                ),
            ],
        ),
    ),
    (
        "states show",
        words(
            ASKING,
            &[("eventmanager states show SIP/100", "Who says what of a device, and who was told what")],
        ),
    ),
    ("states peers", words(ASKING, &[("eventmanager states peers", "How far each Asterisk is behind")])),
    (
        "kamailio send",
        words(
            &[
                (0, "it was written"),
                (1, "failure: no daemon, no permission, not connected, or refused"),
                WRONG,
            ],
            &[(
                r#"eventmanager kamailio send k1 '{"cmd":"reload"}' --reason 'ticket 4711'"#,
                "Has the script of k1 do what it understands by that",
            )],
        ),
    ),
    (
        "cluster status",
        words(ASKING, &[("eventmanager cluster status", "Which node acts, and which stand by")]),
    ),
    (
        "cluster handover",
        words(
            ASKING,
            &[(
                "eventmanager cluster handover --to em2 --reason 'kernel update'",
                "Has the node em2 become the active one",
            )],
        ),
    ),
    (
        "hubs list",
        words(ASKING, &[("eventmanager hubs list --topic order", "Who has registered for orders")]),
    ),
    (
        "hubs show",
        words(
            ASKING,
            &[(
                "eventmanager hubs show 01972f3e-5a3c-7d10-9d5e-0c7b8f1a2b3c",
                "Which deliveries have failed, and why",
            )],
        ),
    ),
    (
        "hubs halt",
        words(
            ASKING,
            &[(
                "eventmanager hubs halt 01972f3e-5a3c-7d10-9d5e-0c7b8f1a2b3c --reason 'one event breaks it'",
                "Has what waits for a hub stay where it is",
            )],
        ),
    ),
    (
        "hubs resume",
        words(
            ASKING,
            &[(
                "eventmanager hubs resume 01972f3e-5a3c-7d10-9d5e-0c7b8f1a2b3c --reason 'their database is back'",
                "Delivers again what waits for a hub that was halted",
            )],
        ),
    ),
    (
        "hubs skip",
        words(
            ASKING,
            &[(
                "eventmanager hubs skip 01972f3e-5a3c-7d10-9d5e-0c7b8f1a2b3c --reason 'they cannot read it'",
                "Delivers again, but not the event that could not be delivered",
            )],
        ),
    ),
    (
        "hubs replay",
        words(
            ASKING,
            &[(
                "eventmanager hubs replay 01972f3e-5a3c-7d10-9d5e-0c7b8f1a2b3c --since 2h",
                "Sends the events of the last two hours to a hub once more",
            )],
        ),
    ),
    (
        "hubs remove",
        words(
            &[
                (0, "it is removed"),
                (1, "failure: no daemon, no permission, no such hub, or somebody said no"),
                (2, "wrong arguments, or --yes is needed: nobody can be asked"),
            ],
            &[(
                "eventmanager hubs remove 01972f3e-5a3c-7d10-9d5e-0c7b8f1a2b3c",
                "Ends the subscription of a program that is gone for good",
            )],
        ),
    ),
    ("evi list", words(ASKING, &[("eventmanager evi list", "Which events there are, and who gets them")])),
    (
        "evi subscribe",
        words(
            &[
                (0, "subscribed; or so many events have come, or it was interrupted"),
                (1, "failure: no daemon, no permission, or refused"),
                WRONG,
            ],
            &[
                ("eventmanager evi subscribe E_CALL_START", "Shows the events of that name as they come"),
                (
                    "eventmanager evi subscribe E_CALL_START udp:127.0.0.1:9011 --expire 600",
                    "Has them sent to a program for ten minutes",
                ),
            ],
        ),
    ),
    (
        "evi unsubscribe",
        words(
            ASKING,
            &[("eventmanager evi unsubscribe E_CALL_START udp:127.0.0.1:9011", "Sends nothing more there")],
        ),
    ),
    (
        "evi raise",
        words(
            ASKING,
            &[(
                "eventmanager evi raise E_ALARM level=high host=db1",
                "Hands on an event with two parameters",
            )],
        ),
    ),
    (
        "asterisk action",
        words(
            &[
                (0, "it went well"),
                (
                    1,
                    "the Asterisk says that it did not, or failure: no daemon, no permission, not connected, or refused",
                ),
                WRONG,
            ],
            &[
                ("eventmanager asterisk action pbx-a CoreStatus", "Asks pbx-a how it is"),
                (
                    "eventmanager asterisk action pbx-a Setvar Variable=MAINTENANCE Value=1 --reason 'ticket 4711'",
                    "Sets a variable of its dialplan, and says why",
                ),
            ],
        ),
    ),
    ("resume", words(ASKING, &[("eventmanager resume hss", "Goes on with what has waited for the HSS")])),
    (
        "demo",
        words(
            &[(0, "every event has completed"), (1, "it has not gone so well"), WRONG],
            &[
                ("eventmanager demo --rate 100 --duration 20", "Twenty seconds of a hundred documents each"),
                (
                    "eventmanager demo --failures 5 --http 127.0.0.1:8080",
                    "With failures to look at, at an address that is always the same",
                ),
            ],
        ),
    ),
    (
        "replay",
        words(
            &[(0, "every document was sent and taken"), (1, "some were not"), WRONG],
            &[(
                "eventmanager replay recorded.xml --to 127.0.0.1:8025 --rate 50",
                "Plays a recording to a daemon",
            )],
        ),
    ),
    (
        "seed",
        words(
            &[(0, "all subscribers were copied"), (1, "some, or all, were not"), WRONG],
            &[("eventmanager seed --config shadow.toml", "Fills the store of a daemon in shadow mode")],
        ),
    ),
    (
        "compare",
        words(
            &[
                (0, "no difference, or only known ones"),
                (1, "differences"),
                (2, "it could not be compared; or wrong arguments"),
            ],
            &[(
                "eventmanager compare --config shadow.toml --since \"2026-03-01 12:00\"",
                "Compares since noon (UTC)",
            )],
        ),
    ),
    (
        "simulate broadworks",
        words(
            PLAIN,
            &[("eventmanager simulate broadworks --rate 20", "An application server with invented users")],
        ),
    ),
    (
        "simulate ema",
        words(
            PLAIN,
            &[
                ("eventmanager simulate ema --latency 5ms", "An EMA that takes its time"),
                ("eventmanager simulate ema --script rules.json", "One that does what the rules say"),
            ],
        ),
    ),
    (
        "simulate asterisk",
        words(
            PLAIN,
            &[(
                "eventmanager simulate asterisk --devices 1000 --rate 200",
                "An Asterisk with 200 changes a second",
            )],
        ),
    ),
    (
        "simulate opensips",
        words(
            PLAIN,
            &[
                ("eventmanager simulate opensips --rate 200", "An OpenSIPS 3.6 with 200 events a second"),
                (
                    "eventmanager simulate opensips --version 2.4.11 --fifo /tmp/opensips_fifo",
                    "One that speaks and tells text, over a FIFO too",
                ),
                (
                    "eventmanager simulate opensips --http 127.0.0.1:8889 --events E_PIKE_BLOCKED",
                    "One with HTTP that tells of blocked addresses alone",
                ),
            ],
        ),
    ),
    ("simulate surgemail", words(PLAIN, &[("eventmanager simulate surgemail", "A mail server")])),
    (
        "completions",
        words(
            PLAIN,
            &[(
                "eventmanager completions bash > /etc/bash_completion.d/eventmanager",
                "Has bash complete commands and options",
            )],
        ),
    ),
    (
        "man",
        words(
            PLAIN,
            &[(
                "eventmanager man /usr/local/share/man/man1",
                "Writes eventmanager.1 and a page of each command",
            )],
        ),
    ),
];
