//! A daemon that is sent something bad and then something good, and must have done the good.

use super::support::daemon::{Daemon, Row, Site, eventually};
use super::support::documents::add;
use super::support::peers::Peers;

pub const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

pub fn site(server: &str) -> (Peers, Site) {
    let peers = Peers::start();
    let site = Site::new(&format!("{}{server}\n", peers.config("")));
    (peers, site)
}

/// A document with these outer commands.
pub fn document(commands: &str) -> String {
    format!(
        "<BroadsoftOCIReportingDocument protocol=\"OCIReporting\" xmlns:xsi=\"{XSI}\">{commands}\
         </BroadsoftOCIReportingDocument>"
    )
}

/// A report with this request.
pub fn with_request(id: &str, request: &str) -> String {
    document(&format!(
        "<command xsi:type=\"OCIReportingReportNotification\"><id>{id}</id><userId>provadmin</userId>\
         <loginType>System</loginType><request><![CDATA[{request}]]></request></command>"
    ))
}

/// A daemon that has been sent something bad, and after it something good.
pub struct Trial {
    pub peers: Peers,
    pub site: Site,
    pub daemon: Daemon,
    pub good: u64,
    /// Rows that were there before the last trial.
    seen: usize,
}

impl Trial {
    pub fn new(server: &str) -> Trial {
        let (peers, site) = site(server);
        let daemon = site.start();
        eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
        Trial { peers, site, daemon, good: 0, seen: 0 }
    }

    /// Sends these bytes, then a good document; gives the rows of the bytes once the good one is provisioned.
    #[track_caller]
    pub fn send(&mut self, bytes: impl Into<bytes::Bytes>) -> Vec<Row> {
        self.peers.broadworks.send_bytes(bytes);
        self.good += 1;
        self.peers.broadworks.send(&add(self.good, &format!("good{}@tele.gl", self.good)));
        eventually("the good document is provisioned, and what came before it has ended", || {
            let sql = "select count(*) from em_event where status = 'completed' and event like ?";
            let this = format!("%<userId>good{}@tele.gl%", self.good);
            let good = self.site.database().query_row(sql, [this], |row| row.get::<_, i64>(0));
            (good == Ok(1) && self.site.count(&["pending"]) == 0).then_some(())
        });
        let mut rows = self.site.events().split_off(self.seen);
        self.seen += rows.len();
        rows.pop().expect("the good one is the last");
        rows
    }

    pub fn bad(&self, reason: &str) -> f64 {
        self.daemon
            .metric("eventmanager_frames_bad_total", &format!("connection=\"as1\",reason=\"{reason}\""))
    }

    /// One failed event, whose reason holds `text`, counted with `reason`, and logged with the connection's name.
    #[track_caller]
    pub fn check_bad(&mut self, what: &str, bytes: impl Into<bytes::Bytes>, reason: &str, text: &str) {
        let before = self.bad(reason);
        let rows = self.send(bytes);
        assert_eq!(rows.len(), 1, "{what}: {rows:?}");
        let row = &rows[0];
        assert_eq!((row.status.as_str(), row.command.as_str()), ("failed", ""), "{what}: {row:?}");
        assert!(row.reason.contains(text), "{what}: {:?} does not hold {text:?}", row.reason);
        assert_eq!(self.bad(reason) - before, 1.0, "{what} is not counted as {reason}");
        self.daemon.logged(&["connection=as1", text]);
    }

    /// No event, nothing counted as bad.
    #[track_caller]
    pub fn check_nothing(&mut self, what: &str, bytes: impl Into<bytes::Bytes>) {
        let before = self.bad("");
        let rows = self.send(bytes);
        assert!(rows.is_empty(), "{what}: {rows:?}");
        assert_eq!(self.bad(""), before, "{what}");
    }
}
