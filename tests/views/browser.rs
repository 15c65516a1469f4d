//! Chromium, driven by its own protocol through a pipe: nothing stands between.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use crate::program::folder;

/// A browser with one page.
pub(crate) struct Browser {
    child: Child,
    input: RefCell<ChildStdin>,
    messages: Receiver<Json>,
    heard: RefCell<Vec<Json>>,
    last: RefCell<u64>,
    session: String,
}

impl Browser {
    /// Starts it without a window, in a profile of its own.
    pub(crate) fn start(name: &str) -> Self {
        let profile = folder(&format!("profile-{name}"));
        // The protocol is spoken on the descriptors 3 and 4, which the shell makes of its own two.
        let mut command = Command::new("sh");
        let browser = "browser=$(command -v chromium || command -v google-chrome) || exit 127";
        let script = format!("{browser}; exec \"$browser\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null");
        command.args(["-c", &script, "sh"]);
        command.args(["--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu"]);
        command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
        command.args([
            "--disable-extensions",
            "--hide-scrollbars",
            "--force-color-profile=srgb",
            "--lang=en",
        ]);
        // Where tests run in a container, shared memory is small and there is no right to a sandbox for root.
        command.arg("--disable-dev-shm-usage");
        if is_root() {
            command.arg("--no-sandbox");
        }
        command.arg(format!("--user-data-dir={}", profile.display())).env("TZ", "Europe/Berlin");
        command.env("HOME", &profile);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a shell");
        let input = RefCell::new(child.stdin.take().unwrap());
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = mpsc::channel();
        thread::spawn(move || {
            for message in output.split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else { break };
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let (heard, last) = (RefCell::default(), RefCell::new(0));
        let mut browser = Self { child, input, messages, heard, last, session: String::new() };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log", "Network", "Security"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Asks it something, and returns the answer.
    #[track_caller]
    pub(crate) fn call(&self, method: &str, parameters: Json) -> Json {
        *self.last.borrow_mut() += 1;
        let id = *self.last.borrow();
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        let mut input = self.input.borrow_mut();
        input
            .write_all(format!("{message}\0").as_bytes())
            .expect("chromium is there; run tests/interop/install.sh");
        input.flush().unwrap();
        drop(input);
        loop {
            let answer = self.hear(method);
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.heard.borrow_mut().push(answer);
        }
    }

    #[track_caller]
    fn hear(&self, waiting_for: &str) -> Json {
        let heard = self.messages.recv_timeout(PATIENCE);
        heard.unwrap_or_else(|error| {
            panic!("{waiting_for}: {error}; is chromium installed? tests/interop/install.sh")
        })
    }

    /// Shows a file, and waits until its script says that all is there. Returns how long that took.
    #[track_caller]
    pub(crate) fn open(&self, file: &Path) -> Duration {
        let began = Instant::now();
        self.navigate(file);
        let ready = "document.documentElement.dataset.ready || null";
        assert_eq!(self.value(ready), "yes", "{:#?}", self.complaints());
        began.elapsed()
    }

    /// Shows a file, whatever its script does.
    #[track_caller]
    pub(crate) fn navigate(&self, file: &Path) {
        self.heard.borrow_mut().clear();
        let answer = self.call("Page.navigate", json!({"url": format!("file://{}", file.display())}));
        assert!(answer["errorText"].is_null(), "{answer}");
        let is_loaded = |message: &Json| message["method"] == "Page.loadEventFired";
        while !self.heard.borrow().iter().any(is_loaded) {
            let message = self.hear("the end of loading");
            self.heard.borrow_mut().push(message);
        }
    }

    /// Returns what an expression is in the page.
    #[track_caller]
    pub(crate) fn value(&self, expression: &str) -> Json {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true});
        let answer = self.call("Runtime.evaluate", asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Clicks in the middle of the first element that a selector finds, as a mouse does.
    #[track_caller]
    pub(crate) fn click(&self, selector: &str) {
        let place = self.value(&format!(
            "(() => {{ const it = document.querySelector({selector:?}); if (!it) return null; it.scrollIntoView({{block: 'center', behavior: 'instant'}}); \
             const box = it.getBoundingClientRect(); const [x, y] = [box.left + Math.min(box.width, 60) / 2, box.top + box.height / 2]; \
             return {{x, y, hit: it.contains(document.elementFromPoint(x, y))}}; }})()"
        ));
        assert_eq!(place["hit"], true, "{selector} is not there or is covered: {place}");
        for kind in ["mousePressed", "mouseReleased"] {
            let event =
                json!({"type": kind, "x": place["x"], "y": place["y"], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// Types a text where the focus is.
    pub(crate) fn write(&self, text: &str) {
        self.call("Input.insertText", json!({"text": text}));
    }

    /// Presses a key.
    pub(crate) fn press(&self, key: &str) {
        let (text, code) = match key {
            "Enter" => ("\r", 13),
            "/" => ("/", 191),
            " " => (" ", 32),
            "Escape" => ("", 27),
            "Tab" => ("", 9),
            "ArrowLeft" => ("", 37),
            "ArrowUp" => ("", 38),
            "ArrowRight" => ("", 39),
            "ArrowDown" => ("", 40),
            other => panic!("no key {other}"),
        };
        let down = if text.is_empty() { "rawKeyDown" } else { "keyDown" };
        let event = json!({"type": down, "key": key, "text": text, "windowsVirtualKeyCode": code});
        self.call("Input.dispatchKeyEvent", event);
        self.call(
            "Input.dispatchKeyEvent",
            json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}),
        );
    }

    /// Has it prefer light or dark.
    pub(crate) fn prefer(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// Gives the page a size.
    pub(crate) fn size(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// Lets scripts run, or not.
    pub(crate) fn scripts(&self, run: bool) {
        self.call("Emulation.setScriptExecutionDisabled", json!({"value": !run}));
    }

    /// Returns what is seen, as a PNG.
    pub(crate) fn picture(&self) -> Vec<u8> {
        let answer = self.call("Page.captureScreenshot", json!({}));
        STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
    }

    /// Returns every error and warning since the page was opened: of scripts, of the page's policy, of the network.
    pub(crate) fn complaints(&self) -> Vec<Json> {
        // Whatever was under way has been said when this is answered.
        self.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
        const COMPLAINTS: &[&str] = &[
            "Runtime.exceptionThrown",
            "Runtime.consoleAPICalled",
            "Log.entryAdded",
            "Network.loadingFailed",
        ];
        let is_complaint =
            |message: &&Json| message["method"].as_str().is_some_and(|method| COMPLAINTS.contains(&method));
        self.heard.borrow().iter().filter(is_complaint).cloned().collect()
    }

    /// Returns the addresses of everything that was asked for since the page was opened.
    pub(crate) fn requests(&self) -> Vec<String> {
        let heard = self.heard.borrow();
        let asked = heard.iter().filter(|message| message["method"] == "Network.requestWillBeSent");
        asked
            .map(|message| message["params"]["request"]["url"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A browser ends when its pipe does, and with it the processes that it has started.
        let _ = self.input.borrow_mut().write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let _ = self.input.borrow_mut().flush();
        let ended = loop {
            match self.messages.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(error) => break error == mpsc::RecvTimeoutError::Disconnected,
            }
        };
        if !ended {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

/// A machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
