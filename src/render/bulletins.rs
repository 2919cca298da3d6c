//! Made-up mails to the operator, one of each sort.
//!
//! Data in: nothing. Data out: [`Bulletin`]s as the daemon makes them.
//!
//! **Invariant:** the same for every call; nothing in them is real.

use crate::model::{Bulletin, Section};

fn section(title: &str, count: u64, lines: &[&str]) -> Section {
    Section { title: title.to_owned(), count, lines: lines.iter().map(|line| (*line).to_owned()).collect() }
}

fn figures(figures: &[(&str, &str)]) -> Vec<(String, String)> {
    figures.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What can wait.
pub(super) fn daily() -> Bulletin {
    Bulletin {
        title: "25 changes: topics unusually quiet, not readable (22), silent, readable again".to_owned(),
        lead: "Since Sun 22 Nov, 07:00 GMT. What cannot wait is mailed at once.".to_owned(),
        figures: Vec::new(),
        sections: vec![
            section(
                "Topics unusually quiet",
                1,
                &[
                    "Leader calls — 0 stories in 3 days, usually about 6 a day on such days; see whether its feeds are read \
                   and its rules still fit",
                ],
            ),
            section(
                "Not readable",
                22,
                &[
                    "Harbour Gazette — it has failed for 6 h 12 min: the server answered 404 Not Found",
                    "https://old.example.org/rss — it could never be read: no such host",
                    "20 more; `wirewatch status` names them",
                ],
            ),
            section(
                "Silent",
                1,
                &[
                    "Quay Street Journal — it answers, but has had nothing new for 3 d; of late it was never quiet for \
                   longer than 1 d",
                ],
            ),
            section("Readable again", 1, &["Capital Wire — it answers again"]),
        ],
    }
}

/// What cannot.
pub(super) fn urgent() -> Bulletin {
    Bulletin {
        title: "Urgent: mails given up, feeds that bring alerts fail, many feeds fail together, still"
            .to_owned(),
        sections: vec![
            section(
                "Mails given up",
                1,
                &[
                    "A mail to gone@example.com was given up: the server refused the recipient (550): no such user \
                   (“[Rare earths] Magnet maker halts a line”)",
                ],
            ),
            section(
                "Feeds that bring alerts fail",
                1,
                &["Harbour Gazette — for 6 h 12 min: the server answered 404 Not Found"],
            ),
            section(
                "Many feeds fail together, still",
                1,
                &["64 of 214 feeds fail for an hour or longer; `wirewatch feeds list` says why"],
            ),
        ],
        ..Bulletin::default()
    }
}

/// That all is well.
pub(super) fn heartbeat() -> Bulletin {
    Bulletin {
        title: "wirewatch is alive: 212 of 214 feeds read".to_owned(),
        lead: "When the next one is missing, something is wrong.".to_owned(),
        figures: figures(&[
            ("Since", "Fri 20 Nov, 08:00 GMT"),
            ("Feeds read", "212 of 214"),
            ("Feeds failing", "2"),
            ("Longest since a feed was read", "9 min"),
            ("Items read", "3411"),
            ("Items that matched", "57"),
            ("Mails handed over", "61"),
            ("Mails waiting", "0"),
            ("Mails given up", "0"),
            ("Last canary", "Mon 23 Nov, 06:45 GMT, well"),
            ("Last ping", "Mon 23 Nov, 07:29 GMT, failed: the server answered 503"),
            ("Version", "0.1.0"),
            ("Next heartbeat", "Tue 24 Nov, 08:00 GMT"),
        ]),
        sections: Vec::new(),
    }
}

/// That a made-up item came through.
pub(super) fn canary() -> Bulletin {
    Bulletin {
        title: "The canary came through (1795419000000)".to_owned(),
        lead: "A made-up item was read, matched, planned and rendered like any other; you got this mail the way alerts \
               go. How long handing it over took is in the log."
            .to_owned(),
        figures: figures(&[
            ("parse", "0.4 ms"),
            ("match", "0.6 ms"),
            ("plan", "0.1 ms"),
            ("render", "5.2 ms"),
            ("in all, before it was handed over", "6.3 ms"),
        ]),
        sections: Vec::new(),
    }
}
