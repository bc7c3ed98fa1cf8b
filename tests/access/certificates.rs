//! Certificates that are replaced while requests run.

use crate::given::*;
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::http;
use reqwest::{Certificate, Client};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

fn file(site: &Site, name: &str) -> PathBuf {
    site.directory.path().join(name)
}

/// A site that serves TLS with `cert.pem` and `key.pem`.
fn tls_site() -> Site {
    let site = Site::new("[[broadworks]]\nname = \"as1\"\naddress = \"127.0.0.1:1\"\n");
    site.make_certificate();
    let listen = "listen = \"127.0.0.1:0\"\n";
    let tls = format!("{listen}tls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n{}", tokens());
    configure(&site, listen, &tls);
    let _ = rustls::crypto::ring::default_provider().install_default();
    site
}

fn certificate(site: &Site) -> Certificate {
    let pem = std::fs::read(file(site, "cert.pem")).expect("a certificate");
    Certificate::from_pem(&pem).expect("a certificate")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Who trusts these alone, with a new connection for each request unless `idle` are kept.
fn client(trusted: impl IntoIterator<Item = Certificate>, idle: usize) -> Client {
    let client = Client::builder().tls_certs_only(trusted).no_proxy().pool_max_idle_per_host(idle);
    client.build().expect("a client")
}

async fn get(client: &Client, daemon: &Daemon, path: &str) -> reqwest::Result<reqwest::Response> {
    client.get(format!("https://localhost:{}{path}", daemon.http.port())).send().await
}

/// Whether somebody who trusts `certificate` alone is served.
fn is_served(daemon: &Daemon, certificate: &Certificate) -> bool {
    let client = client([certificate.clone()], 0);
    runtime().block_on(async { get(&client, daemon, "/healthz").await.is_ok() })
}

/// The value of a metric of a daemon that serves TLS.
fn metric(daemon: &Daemon, certificate: &Certificate, series: &str) -> f64 {
    let client = client([certificate.clone()], 0);
    let text = runtime().block_on(async { get(&client, daemon, "/metrics").await?.text().await });
    let text = text.expect("metrics");
    let line = text.lines().find_map(|line| line.strip_prefix(series)).unwrap_or("0");
    line.trim().parse().expect("a number")
}

/// Requests without a pause, each on a connection of its own, that trust all of `trusted`: how many, and what failed.
fn load(
    port: u16,
    trusted: [Certificate; 2],
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
) -> JoinHandle<Vec<String>> {
    std::thread::spawn(move || {
        let client = client(trusted, 0);
        let mut failed = Vec::new();
        runtime().block_on(async {
            while !stop.load(Ordering::Relaxed) {
                let answer = client.get(format!("https://localhost:{port}/healthz")).send().await;
                match answer.and_then(reqwest::Response::error_for_status) {
                    Ok(_) => _ = done.fetch_add(1, Ordering::Relaxed),
                    Err(error) => failed.push(format!("{error:?}")),
                }
            }
        });
        failed
    })
}

#[test]
fn a_certificate_is_replaced_while_requests_run_and_none_fails() {
    let site = tls_site();
    let first = certificate(&site);
    // The next one is made elsewhere and moved into its place, as tools do it.
    let next = Site::new("");
    next.make_certificate();
    let second = certificate(&next);
    let daemon = site.start();
    assert!(is_served(&daemon, &first));
    let expires = metric(&daemon, &first, "eventmanager_tls_certificate_expiry_seconds");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    assert!((0.0..=86_400.0).contains(&(expires - now.as_secs_f64())), "a day: {expires}");

    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let trusted = [first.clone(), second.clone()];
    let requests = load(daemon.http.port(), trusted, Arc::clone(&stop), Arc::clone(&done));
    // One connection that stays open through all of it.
    let (kept, runtime) = (client([first.clone()], 1), runtime());
    let keep = || runtime.block_on(async { get(&kept, &daemon, "/healthz").await?.text().await });
    keep().expect("an answer");

    for name in ["key.pem", "cert.pem"] {
        std::fs::copy(file(&next, name), file(&site, "new.pem")).expect("copied");
        std::fs::rename(file(&site, "new.pem"), file(&site, name)).expect("moved");
    }
    eventually("the new certificate is served", || {
        keep().expect("the connection that is open stays");
        is_served(&daemon, &second).then_some(())
    });
    assert!(!is_served(&daemon, &first));
    let before = done.load(Ordering::Relaxed);
    eventually("requests run on", || (done.load(Ordering::Relaxed) > before + 10).then_some(()));

    // What cannot be used changes nothing, and is told.
    std::fs::write(file(&site, "cert.pem"), "no certificate").expect("written");
    eventually("the bad file is told", || {
        daemon.log().contains("a new certificate cannot be used").then_some(())
    });
    assert!(is_served(&daemon, &second));
    let count = |outcome: &str| {
        metric(&daemon, &second, &format!("eventmanager_tls_reloads_total{{outcome=\"{outcome}\"}}"))
    };
    assert_eq!((count("taken"), count("refused")), (1.0, 1.0), "{}", daemon.log());
    stop.store(true, Ordering::Relaxed);
    let failed = requests.join().expect("no panic");
    assert!(failed.is_empty(), "{} failed: {failed:?}", failed.len());
}

#[test]
fn under_tls_the_cookie_and_the_page_stay_there() {
    let site = tls_site();
    let daemon = site.start();
    let client = client([certificate(&site)], 0);
    let url = format!("https://localhost:{}{SESSION}", daemon.http.port());
    let login = client.post(url).header("Content-Type", "application/json").body("{\"token\": \"act\"}");
    let answer = runtime().block_on(login.send()).expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
    assert!(header("set-cookie").contains("; Secure"), "{}", header("set-cookie"));
    assert!(header("strict-transport-security").starts_with("max-age="), "{:?}", answer.headers());
    assert!(http::exchange(daemon.http, "GET /healthz HTTP/1.0\r\n\r\n").is_err(), "nothing in plain HTTP");
}
