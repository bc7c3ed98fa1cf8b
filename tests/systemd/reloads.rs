//! What systemd is told of reloads.

use crate::support::daemon::Site;
use crate::{Helper, Manager};
use actix::prelude::*;
use eventmanager::app::{App, Program};
use eventmanager::config;
use eventmanager::reload::Reload;
use eventmanager::supervision::{Add, Crash, Shutdown, Spec};
use eventmanager::telemetry::{self, LogLevel};
use sd_notify::NotifyState;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// In the environment of the helper: the configuration that it starts with.
const STEERED: &str = "EVENTMANAGER_TEST_STEERED";
/// What the helper tells, beside what the daemon does.
const RELOADED: &str = "X_RELOADED=1";

#[test]
fn a_reload_is_told_from_its_beginning_to_its_end_and_why_it_was_refused() {
    let site = Site::quiet("");
    let manager = Manager::new(&site);
    let daemon = manager.start(&site);
    manager.hears("READY=1\n");
    daemon.signal("HUP");
    let reloading = manager.hears("RELOADING=1\n");
    let at = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).expect("when");
    assert!(at.parse::<u64>().is_ok_and(|at| at > 0), "{reloading}");
    manager.hears("READY=1\n");
    std::fs::write(site.config(), "[node]\nnom = 1\n").expect("written");
    daemon.signal("HUP");
    manager.hears("RELOADING=1\n");
    manager.hears("READY=1\n");
    let status = manager.hears("STATUS=reload refused");
    assert!(status.contains("eventmanager.toml:2:1: node.nom: unknown key"), "{status}");
}

/// An actor that is starting until it is let go: so long the daemon is not ready.
struct Late(Arc<AtomicBool>);

impl Actor for Late {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        while !self.0.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(10)); // on a thread of its own
        }
    }
}

impl Supervised for Late {}

impl Handler<Shutdown> for Late {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

/// No test of its own: a daemon in a process of its own that does what it is told on its standard input.
#[test]
fn helper_that_is_steered() {
    let Some(path) = std::env::var_os(STEERED).map(std::path::PathBuf::from) else { return };
    let config = config::load(&path).expect("a configuration").config;
    let metrics = telemetry::start_metrics().expect("metrics");
    let (tell, mut told) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin().lines().map_while(Result::ok).try_for_each(|it| tell.send(it))
    });
    actix_rt::System::new().block_on(async move {
        let program = Program::alone(Some(path), LogLevel::of_no_log("info"));
        let app = App::start_program(program, &config, metrics.clone()).expect("it starts");
        let (thread, is_let_go) = (actix_rt::Arbiter::new(), Arc::new(AtomicBool::new(false)));
        let late = Arc::clone(&is_let_go);
        app.root.do_send(Add(Spec::new("late", 1, Some(thread.handle()), move || Late(Arc::clone(&late))).0));
        while let Some(word) = told.recv().await {
            match word.as_str() {
                "reload" => app.reloader.do_send(Reload),
                "reloaded?" => {
                    while !metrics.render().contains("eventmanager_reloads_total{outcome=\"unchanged\"} 1") {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    sd_notify::notify(&[NotifyState::Custom(RELOADED)]).expect("told");
                }
                "let go" => is_let_go.store(true, Ordering::Relaxed),
                "crash" => {
                    let crashed = app.root.send(Crash { path: "reload".to_owned() }).await;
                    crashed.expect("an answer").expect("the actor is there");
                }
                word => panic!("{word}"),
            }
        }
    });
}

/// The helper, and a way to steer it.
fn steered(site: &Site, manager: &Manager) -> (Helper, impl FnMut(&str)) {
    let mut helper = Helper::start("reloads::helper_that_is_steered", STEERED, site, manager);
    let mut words = helper.0.stdin.take().expect("a pipe");
    (helper, move |word| writeln!(words, "{word}").expect("it listens"))
}

#[test]
fn a_reload_while_the_daemon_starts_does_not_say_that_it_is_ready() {
    let site = Site::quiet("");
    let manager = Manager::new(&site);
    let (_helper, mut steer) = steered(&site, &manager);
    steer("reload");
    steer("reloaded?");
    let mut message = String::new();
    while !message.contains(RELOADED) {
        message = manager.next();
        assert!(!message.contains("READY=1") && !message.contains("RELOADING=1"), "{message}");
    }
    steer("let go");
    assert!(manager.hears("READY=1\n").contains("STATUS="), "the herald says it");
}

#[test]
fn a_reload_that_panics_has_ended_and_the_next_one_works() {
    let site = Site::quiet("");
    let manager = Manager::new(&site);
    let (_helper, mut steer) = steered(&site, &manager);
    steer("let go");
    manager.hears("READY=1\n");
    // A configuration whose reading does not end.
    let aside = site.directory.path().join("aside");
    std::fs::rename(site.config(), &aside).expect("renamed");
    let made = std::process::Command::new("mkfifo").arg(site.config()).status().expect("mkfifo");
    assert!(made.success());
    steer("reload");
    manager.hears("RELOADING=1\n");
    steer("crash");
    manager.hears("READY=1\n");
    std::fs::rename(&aside, site.config()).expect("renamed");
    steer("reload");
    manager.hears("RELOADING=1\n");
    manager.hears("READY=1\n");
    steer("reloaded?");
    manager.hears(RELOADED);
}
