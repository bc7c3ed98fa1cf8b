//! A browser of its own for each test.

use crate::support::daemon::PATIENCE;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What the page says of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Light,
    Dark,
}

/// chromedriver on a free port. Dropping it ends the browser and then itself, whatever has become of the test.
struct Driver {
    child: Child,
    address: SocketAddr,
    session: Option<String>,
    _profile: TempDir,
}

impl Driver {
    fn start() -> Driver {
        // The port that it has found free may be somebody else's by the time it listens: then it ends.
        (0..5).find_map(|_| Driver::try_start()).expect("chromedriver listens")
    }

    fn try_start() -> Option<Driver> {
        let profile = TempDir::new().expect("a temporary directory");
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromedriver (Debian's package chromium-driver) starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok()
        });
        let Some(port) = port else {
            let ended = child.wait().expect("a child");
            println!("chromedriver has ended before it listened: {ended}");
            return None;
        };
        // What it says further is read and forgotten, so that its pipe never fills.
        std::thread::spawn(move || lines.for_each(drop));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Some(Driver { child, address, session: None, _profile: profile })
    }

    /// Asks for something below the session that WebDriver does not have.
    fn ask(&self, path: &str, body: &Value) -> Value {
        let session = self.session.as_deref().expect("a session");
        let answer = exchange(self.address, "POST", &format!("/session/{session}/{path}"), &body.to_string());
        let answer = answer.expect("an answer");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert!(answer["value"]["error"].is_null(), "{path}: {answer}");
        answer["value"].clone()
    }

    /// A command to the browser itself.
    fn command(&self, command: &str, params: &Value) {
        self.ask("goog/cdp/execute", &json!({"cmd": command, "params": params}));
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(session) = &self.session {
            // The test may have ended because there is no browser any more.
            let _ = exchange(self.address, "DELETE", &format!("/session/{session}"), "");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The body of the answer. chromedriver knows no HTTP/1.0 and never closes a connection.
fn exchange(address: SocketAddr, method: &str, path: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n{body}")?;
    let mut answer = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        answer.read_line(&mut line)?;
        if line.trim_end().is_empty() {
            break;
        }
        let header = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        length = header.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(length);
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body)?;
    String::from_utf8(body).map_err(std::io::Error::other)
}

/// A browser and its one page.
pub struct Browser {
    client: Client,
    driver: Driver,
}

/// Runs a test with a browser of its own.
pub fn drive(test: impl AsyncFnOnce(&Browser)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let browser = Browser::open().await;
        test(&browser).await;
        assert_eq!(browser.complaints(), Vec::<String>::new(), "errors of the page");
    });
}

impl Browser {
    async fn open() -> Browser {
        let mut driver = Driver::start();
        let profile = format!("--user-data-dir={}", driver._profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            &profile,
        ];
        let wanted =
            json!({"goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "SEVERE"}});
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted.as_object().expect("an object").clone())
            .connect(&format!("http://{}", driver.address))
            .await
            .expect("Chromium (Debian's package chromium) starts");
        driver.session = client.session_id().await.expect("a session");
        let browser = Browser { client, driver };
        browser.look(1280, 900, Scheme::Light);
        browser
    }

    /// The size of its window and the colours that its user prefers.
    pub fn look(&self, width: u32, height: u32, scheme: Scheme) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.driver.command("Emulation.setDeviceMetricsOverride", &size);
        let word = if scheme == Scheme::Dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": word}]});
        self.driver.command("Emulation.setEmulatedMedia", &media);
    }

    /// Runs a script in every page before its own.
    pub fn before(&self, script: &str) {
        self.driver.command("Page.addScriptToEvaluateOnNewDocument", &json!({"source": script}));
    }

    /// Opens an address.
    pub async fn go(&self, url: &str) {
        self.client.goto(url).await.expect("a page");
    }

    /// The value of an expression.
    pub async fn value(&self, expression: &str) -> Value {
        self.run(&format!("return {expression}"), vec![]).await
    }

    /// What a script returns.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute(script, arguments).await.unwrap_or_else(|error| panic!("{error}: {script:.200}"))
    }

    /// What a script gives to its last argument, a function.
    pub async fn answer(&self, script: &str) -> Value {
        self.client.execute_async(script, vec![]).await.expect("an answer")
    }

    /// Waits until an expression is true; its value.
    pub async fn until(&self, expression: &str) -> Value {
        let since = Instant::now();
        loop {
            let value = self.value(expression).await;
            if !matches!(value, Value::Null | Value::Bool(false)) {
                return value;
            }
            if since.elapsed() > PATIENCE {
                let text = self.value("document.body.innerText").await;
                panic!("never happened: {expression}\n{}", text.as_str().unwrap_or_default());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until an element that is shown contains a text.
    pub async fn sees(&self, css: &str, text: &str) {
        let (css, text) = (json!(css), json!(text));
        self.until(&format!(
            "[...document.querySelectorAll({css})].some(e => e.checkVisibility() && e.innerText.includes({text}))"
        ))
        .await;
    }

    /// Waits until nothing that is shown matches.
    pub async fn sees_no(&self, css: &str) {
        let css = json!(css);
        self.until(&format!("![...document.querySelectorAll({css})].some(e => e.checkVisibility())")).await;
    }

    /// Clicks as soon as there is something to click.
    pub async fn click(&self, css: &str) {
        self.sees(css, "").await;
        let since = Instant::now();
        // What is found may be replaced before it is clicked.
        while let Err(error) = self.try_click(css).await {
            assert!(since.elapsed() < PATIENCE, "{css} cannot be clicked: {error}");
        }
        // Where the pointer rests nobody is to be disturbed: away with it.
        self.driver.command("Input.dispatchMouseEvent", &json!({"type": "mouseMoved", "x": 1, "y": 1}));
    }

    async fn try_click(&self, css: &str) -> Result<(), fantoccini::error::CmdError> {
        self.client.find(Locator::Css(css)).await?.click().await
    }

    /// Writes into a field, in the place of what is there.
    pub async fn write(&self, css: &str, text: &str) {
        self.sees(css, "").await;
        let field = self.client.find(Locator::Css(css)).await.expect("a field");
        field.clear().await.expect("cleared");
        field.send_keys(text).await.expect("written");
    }

    /// Presses keys, one after the other, wherever the focus is.
    pub async fn press(&self, keys: &str) {
        let focused = self.client.active_element().await.expect("a focus");
        focused.send_keys(keys).await.expect("pressed");
    }

    pub async fn press_key(&self, key: Key) {
        self.press(&char::from(key).to_string()).await;
    }

    pub async fn back(&self) {
        self.client.back().await.expect("back");
    }

    pub async fn refresh(&self) {
        self.client.refresh().await.expect("refreshed");
    }

    pub async fn forget_cookies(&self) {
        self.client.delete_all_cookies().await.expect("forgotten");
    }

    /// What is after `#` in the address.
    pub async fn place(&self) -> String {
        self.value("location.hash").await.as_str().expect("a text").to_owned()
    }

    /// The numbers of the rows that are shown, from top to bottom.
    pub async fn rows(&self) -> Vec<String> {
        let rows =
            self.value("[...document.querySelectorAll('main [data-row]')].map(row => row.dataset.row)").await;
        serde_json::from_value(rows).expect("a list")
    }

    pub async fn picture(&self) -> Vec<u8> {
        self.client.screenshot().await.expect("a picture")
    }

    /// Scripts that failed and what the policy has kept out; that the daemon was away or refused something is no error
    /// of the page.
    fn complaints(&self) -> Vec<String> {
        let lines = self.driver.ask("se/log", &json!({"type": "browser"}));
        let lines = lines.as_array().expect("a list").iter().filter(|line| line["source"] != "network");
        lines.map(|line| line["message"].to_string()).collect()
    }
}
