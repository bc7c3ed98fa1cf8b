//! The types of sockets, and which of them talk to each other.

/// A type, as RFC 23 has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketType {
    Req,
    Rep,
    Dealer,
    Router,
    Pub,
    Sub,
    XPub,
    XSub,
    Push,
    Pull,
    Pair,
}

impl SocketType {
    /// All of them.
    pub const ALL: [SocketType; 11] = {
        use SocketType::*;
        [Req, Rep, Dealer, Router, Pub, Sub, XPub, XSub, Push, Pull, Pair]
    };

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            SocketType::Req => "REQ",
            SocketType::Rep => "REP",
            SocketType::Dealer => "DEALER",
            SocketType::Router => "ROUTER",
            SocketType::Pub => "PUB",
            SocketType::Sub => "SUB",
            SocketType::XPub => "XPUB",
            SocketType::XSub => "XSUB",
            SocketType::Push => "PUSH",
            SocketType::Pull => "PULL",
            SocketType::Pair => "PAIR",
        }
    }

    /// The type that is written so.
    pub fn of(name: &[u8]) -> Option<SocketType> {
        SocketType::ALL.into_iter().find(|it| it.name().as_bytes() == name)
    }

    /// Whether a socket of this type talks to one of that.
    pub fn talks_to(self, other: SocketType) -> bool {
        use SocketType::*;
        let partners: &[SocketType] = match self {
            Req => &[Rep, Router],
            Rep => &[Req, Dealer],
            Dealer => &[Rep, Dealer, Router],
            Router => &[Req, Dealer, Router],
            Pub | XPub => &[Sub, XSub],
            Sub | XSub => &[Pub, XPub],
            Push => &[Pull],
            Pull => &[Push],
            Pair => &[Pair],
        };
        partners.contains(&other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_talks_to_one_is_talked_to_by_it() {
        for one in SocketType::ALL {
            for other in SocketType::ALL {
                assert_eq!(one.talks_to(other), other.talks_to(one), "{one:?} {other:?}");
            }
            assert_eq!(SocketType::of(one.name().as_bytes()), Some(one));
        }
        assert!(SocketType::Dealer.talks_to(SocketType::Rep) && SocketType::Pub.talks_to(SocketType::XSub));
        assert!(!SocketType::Sub.talks_to(SocketType::Push) && !SocketType::Req.talks_to(SocketType::Dealer));
        assert_eq!(SocketType::of(b"sub"), None);
    }
}
