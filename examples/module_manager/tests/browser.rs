//! All stories in a real browser, by keyboard alone, at two widths. Needs `chromium` and
//! `chromedriver` on the path:
//!
//! ```sh
//! cargo test -p module-manager --test browser -- --ignored
//! ```
//!
//! If `SCREENSHOTS` is set to a folder, a screenshot of each page is saved there. `screenshot.png` is
//! the README's.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use module_manager::host::Host;
use module_manager::versions::Place;
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumLikeCapabilities, Key, TypingData};

/// The widths of a phone and of a desktop window.
const WIDTHS: [u32; 2] = [360, 1440];

/// A process that ends with the test.
struct Process(Child);

impl Process {
    /// Starts a program and waits for the line of its output that names its address.
    fn start(
        program: &str,
        arguments: &[&str],
        line: impl Fn(&str) -> Option<String>,
    ) -> (Self, String) {
        let mut command = Command::new(program);
        command.args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let found = lines.by_ref().find_map(|text| line(&text.unwrap())).expect("its address");
        // Read the rest too: a full pipe would block the program.
        std::thread::spawn(move || lines.for_each(drop));
        (Self(child), found)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A user at a keyboard.
struct Person {
    driver: WebDriver,
    site: String,
    pictures: Option<PathBuf>,
}

impl Person {
    async fn go(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.site)).await.unwrap();
    }

    /// Types into the element that has the focus.
    async fn keys(&self, keys: impl Into<TypingData>) {
        self.driver.active_element().await.unwrap().send_keys(keys.into()).await.unwrap();
    }

    /// Presses Tab until an element has the focus.
    async fn tab_to(&self, css: &str) {
        for _ in 0..60 {
            let focused = format!("return document.activeElement.matches({css:?})");
            let found = self.driver.execute(focused, Vec::new()).await.unwrap();
            if found.convert::<bool>().unwrap() {
                return;
            }
            self.keys(Key::Tab + "").await;
        }
        panic!("the keyboard does not lead to {css} on {}", self.source().await);
    }

    /// Presses a link or a button, and waits for the next page. Gives up after a minute.
    async fn press(&self, css: &str) {
        let page = self.driver.find(By::Css("html")).await.unwrap().element_id().to_string();
        self.tab_to(css).await;
        self.keys(Key::Enter + "").await;
        for _ in 0..6_000 {
            let now = self.driver.find(By::Css("html")).await;
            if now.is_ok_and(|now| now.element_id().to_string() != page) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("nothing came of {css}");
    }

    /// Replaces the content of a field.
    async fn fill(&self, css: &str, text: &str) {
        self.tab_to(css).await;
        self.keys(Key::Control + "a").await;
        self.keys(text).await;
    }

    async fn text(&self, css: &str) -> String {
        self.driver.find(By::Css(css)).await.unwrap().text().await.unwrap()
    }

    /// Returns the text that was typed into an outdated form.
    async fn typed_before(&self) -> String {
        let area = self.driver.find(By::Css("#typed-0")).await.unwrap();
        assert_eq!(area.attr("readonly").await.unwrap().as_deref(), Some("true"));
        area.prop("value").await.unwrap().unwrap()
    }

    /// Returns the content of the text area.
    async fn typed(&self) -> String {
        let area = self.driver.find(By::Css("#text")).await.unwrap();
        area.prop("value").await.unwrap().unwrap()
    }

    async fn source(&self) -> String {
        self.driver.source().await.unwrap()
    }

    #[track_caller]
    fn sees(text: &str, part: &str) {
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }

    /// Checks at every width that nothing of the page is cut off.
    async fn look(&self, name: &str) {
        for width in WIDTHS {
            self.driver.set_window_rect(0, 0, width, 900).await.unwrap();
            let fits = "return document.documentElement.scrollWidth <= window.innerWidth";
            let fits = self.driver.execute(fits, Vec::new()).await.unwrap();
            assert!(fits.convert::<bool>().unwrap(), "{name} is wider than {width} pixels");
            self.picture(&format!("{name}-{width}"), width, 900).await;
        }
    }

    /// Saves a picture of the window, if there is a folder for them.
    async fn picture(&self, name: &str, width: u32, height: u32) {
        if let Some(folder) = &self.pictures {
            self.driver.set_window_rect(0, 0, width, height).await.unwrap();
            self.driver.screenshot(&folder.join(format!("{name}.png"))).await.unwrap();
        }
    }
}

#[tokio::test]
#[ignore = "needs chromium and chromedriver"]
async fn the_whole_way() {
    let folder =
        std::env::temp_dir().join(format!("module-manager-browser-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    let checkout = folder.join("checkout");
    fs::create_dir_all(checkout.join(".streamlit")).unwrap();
    let template = checkout.join(".streamlit/secrets.toml");
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/sample/.streamlit/secrets.toml");
    let sample = fs::read_to_string(sample).unwrap();
    fs::write(&template, &sample).unwrap();

    let data = folder.join("data");
    let arguments = ["--port", "0", "--data", data.to_str().unwrap()];
    let (server, site) = Process::start(env!("CARGO_BIN_EXE_module-manager"), &arguments, |line| {
        line.starts_with("http://").then(|| line.to_owned())
    });
    let (chromedriver, port) = Process::start("chromedriver", &["--port=0"], |line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        Some(port.trim_end_matches('.').to_owned())
    });
    let mut wanted = DesiredCapabilities::chrome();
    for argument in
        ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"]
    {
        wanted.add_arg(argument).unwrap();
    }
    let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted).await.unwrap();
    let pictures = std::env::var_os("SCREENSHOTS").map(PathBuf::from);
    let person = Person { driver: driver.clone(), site, pictures };

    // A task, so that the browser and the server are stopped even if it panics.
    let end = tokio::spawn(async move {
        walk(&person, &template, &sample, checkout.to_str().unwrap()).await;
    })
    .await;
    driver.quit().await.unwrap();
    drop((chromedriver, server));
    // The server has ended, so its folder can be opened.
    let host = Host::open(&data, None);
    fs::remove_dir_all(&folder).unwrap();
    end.unwrap();
    let team = host.unwrap().current(&Place::version("team", "1.0.0")).unwrap().unwrap();
    let users = team.secrets.get("users").and_then(|users| users.as_array()).unwrap();
    let users: Vec<_> = users
        .iter()
        .map(|user| ["name", "password"].map(|key| user.get(key).unwrap().as_str().unwrap()))
        .collect();
    assert_eq!(users, [["bob", "hunter2-bob"], ["carol", "hunter2-carol"]]);
}

/// Deletes one of two `[[users]]` blocks; the other keeps its password.
async fn team(person: &Person) {
    person.go("/").await;
    person.fill("#name", "team").await;
    person.press("form button").await;
    person.press("a[href='/new/team']").await;
    person.fill("#version", "1.0.0").await;
    let block = |name: &str, password: &str| {
        format!("[[users]]\nname = \"{name}\"\npassword = \"{password}\"\n")
    };
    let users = [block("alice", "hunter2-alice"), block("bob", "hunter2-bob")].concat();
    person.fill("#text", &users).await;
    person.press("form button").await;
    Person::sees(&person.text("[role=status]").await, "as revision 1");

    // Two windows again; in the second alice's block is deleted.
    person.press("a[href$='/1.0.0/edit']").await;
    let form = person.typed().await;
    let [alice, bob] = [(1, 2), (3, 4)]
        .map(|(a, b)| block(&format!("<unchanged {a}>"), &format!("<unchanged {b}>")));
    assert_eq!(form, format!("{alice}{bob}"));
    Person::sees(
        &person.text("#text-help").await,
        "Move, copy or delete a block together with its markers",
    );
    person.look("10-blocks").await;
    let first = person.driver.window().await.unwrap();
    let second = person.driver.new_window().await.unwrap();
    person.driver.switch_to_window(second).await.unwrap();
    person.go("/modules/team/1.0.0/edit").await;
    person.fill("#text", &bob).await;
    person.press("form button").await;
    Person::sees(&person.text("[role=status]").await, "as revision 2");
    person.driver.close_window().await.unwrap();
    person.driver.switch_to_window(first).await.unwrap();

    // The first window adds carol, too late. Copied with its old markers, the text is rejected, and
    // still shown.
    let carol = block("carol", "hunter2-carol");
    person.fill("#text", &format!("{form}{carol}")).await;
    person.press("form button").await;
    Person::sees(&person.text("#problems").await, "Do not copy a marker with a number");
    let now = block("<unchanged 1>", "<unchanged 2>");
    let marked = form.replace(">\"", " of revision 1>\"");
    let typed = format!("{marked}{carol}");
    assert_eq!((person.typed().await, person.typed_before().await), (now.clone(), typed.clone()));
    person.look("11-conflict-of-blocks").await;
    person.fill("#text", &typed).await;
    person.press("form button").await;
    let notes = person.text(".notes").await;
    Person::sees(&notes, "users[0].name keeps a value that does not exist: enter a value");
    assert_eq!(person.typed_before().await, typed);
    person.look("12-refusal-of-blocks").await;
    person.fill("#text", &format!("{now}{carol}")).await;
    person.press("form button").await;
    Person::sees(&person.text("[role=status]").await, "as revision 3");
}

/// The key is rotated while a form is open. Everything still opens, and the form is stored.
async fn rotation(person: &Person, url: &str) {
    person.go(&format!("{url}/edit")).await;
    let text = person.typed().await;
    let first = person.driver.window().await.unwrap();
    let second = person.driver.new_window().await.unwrap();
    person.driver.switch_to_window(second).await.unwrap();
    person.go("/keys").await;
    person.press("form button").await;
    for _ in 0..300 {
        // The page reloads itself during the rotation.
        if person.source().await.contains("Done: ") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    Person::sees(&person.text("[role=status]").await, "records were encrypted with the new key");
    person.look("15-keys").await;
    person.go(url).await;
    Person::sees(&person.text("main").await, "Revision 3, stored by ada");
    assert!(!person.source().await.contains("hunter2"));
    person.driver.close_window().await.unwrap();
    person.driver.switch_to_window(first).await.unwrap();
    person.fill("#text", &text.replacen("<unchanged>", "hunter2-rotated", 1)).await;
    person.press("form button").await;
    Person::sees(&person.text("[role=status]").await, "as revision 4");
}

/// An earlier revision of the install is restored, then one of the deleted install.
async fn history(person: &Person) {
    Person::sees(&person.text("#history").await, "4 current stored by ada, 20");
    person.look("16-history").await;
    person.press("a[href$='/acme/restore/1']").await;
    Person::sees(&person.text("h1").await, "Restore revision 1 of acme?");
    Person::sees(&person.text("main").await, "The current revision 4 stays in the history");
    person.look("17-restore").await;
    person.press("form[action$='/restore/1'] button").await;
    Person::sees(&person.text("[role=status]").await, "as revision 5");

    // The page asks before it deletes.
    person.press("a[href$='/delete']").await;
    person.look("18-delete").await;
    person.press("form[action$='/delete'] button").await;
    assert!(person.driver.current_url().await.unwrap().as_str().ends_with("/modules/chat/2.0.0"));
    person.look("19-version").await;
    person.press("a[href$='/installs/acme']").await;
    Person::sees(&person.text("#history").await, "6 current deleted by ada, 20");
    person.look("20-deleted").await;
    person.press("a[href$='/acme/restore/4']").await;
    person.press("form[action$='/restore/4'] button").await;
    Person::sees(&person.text("[role=status]").await, "as revision 7");
    assert!(!person.source().await.contains("hunter2"));
}

async fn walk(person: &Person, template: &PathBuf, sample: &str, checkout: &str) {
    person.go("/").await;
    person.fill("#name", "chat").await;
    person.fill("#folder", checkout).await;
    person.look("1-modules").await;
    person.press("form button").await;
    person.look("2-module").await;

    // The form has the template with its comments. Its variables are listed beside the form.
    person.press("a[href='/new/chat']").await;
    assert_eq!(person.typed().await, sample);
    Person::sees(&person.text(".side").await, "Your personal access token");
    person.look("3-template").await;

    // A blank value is reported beside its line, and the text is still in the form.
    person.fill("#version", "1.0.0").await;
    let typed = sample
        .replace("CLARIFAI_PAT = \"\"", "CLARIFAI_PAT = \"hunter2-pat\"")
        .replace("username = \"\"", "username = \"ada\"")
        .replace("512 ", "\"many\"")
        .replace("port = 5432\n", "");
    person.fill("#text", &typed).await;
    person.fill("#author", "ada").await;
    person.press("form button").await;
    assert!(person.driver.title().await.unwrap().starts_with("Error"));
    // The browser remembers the name, although the text was rejected.
    Person::sees(&person.text("form").await, "Stored in the name of ada.");
    let focused = person.driver.active_element().await.unwrap();
    assert_eq!(focused.attr("role").await.unwrap().as_deref(), Some("alert"), "it is announced");
    let problems = person.text("#problems").await;
    Person::sees(&problems, "Line 6: CLARIFAI_USER_ID is blank");
    Person::sees(&problems, "Line 8: MAX_TOKENS is a string: the template has an integer");
    Person::sees(&problems, "Line 15: db_credentials.password is blank");
    Person::sees(&problems, "Missing: db_credentials.port. Line 16 of the template expects it");
    Person::sees(&person.text(".notes").await, "CLARIFAI_USER_ID is blank");
    assert_eq!(person.typed().await, typed);
    person.look("4-refusal").await;
    // Line numbers and notes follow what is typed.
    let line_of = "return [...document.querySelectorAll('.lines div')].findIndex(line => line.id == 'line-6') + 1";
    let line = async || person.driver.execute(line_of, Vec::new()).await.unwrap().convert::<u64>();
    person.tab_to("#text").await;
    person.keys(Key::Control + Key::Home).await;
    person.keys("# one\n# two\n").await;
    assert_eq!(line().await.unwrap(), 8);
    Person::sees(&person.text(".lines").await, "8\n9\n10");
    person.keys(Key::Backspace + "").await;
    assert_eq!(line().await.unwrap(), 7);
    person.fill("#text", &typed).await;
    assert_eq!(person.text(".lines").await.lines().count(), typed.split('\n').count());
    // The README's picture: a report with three findings.
    let three = format!("{typed}port = 5432\n");
    person.fill("#text", &three).await;
    person.press("form button").await;
    Person::sees(&person.text("#problems").await, "Fix 2 problems");
    Person::sees(&person.text("#problems").await, "1 warning");
    person.picture("screenshot", 1160, 1182).await;
    person.tab_to("#problems a[href='#line-6']").await;
    person.keys(Key::Enter + "").await;
    assert!(person.driver.current_url().await.unwrap().as_str().ends_with("#line-6"));

    // The corrected text is stored.
    let filled = sample
        .replace("CLARIFAI_PAT = \"\"", "CLARIFAI_PAT = \"hunter2-pat\"")
        .replace("USER_ID = \"\"", "USER_ID = \"ada-owner\"")
        .replace("username = \"\"", "username = \"ada\"")
        .replace("password = \"\"", "password = \"hunter2-password\"");
    person.fill("#text", &filled).await;
    person.press("form button").await;
    Person::sees(&person.text("[role=status]").await, "as revision 1");
    Person::sees(&person.text("main").await, "Revision 1, stored by ada, 20");
    assert!(!person.source().await.contains("hunter2"));
    person.look("5-version").await;

    // The next version's template has new variables and lacks an old one.
    let next = sample.replace(
        "MAX_TOKENS = 512               #",
        "# The bucket for answers.\nBUCKET = \"\"\nSTYLE = \"dry\" #",
    );
    fs::write(template, &next).unwrap();
    person.press("a[href='/new/chat?from=1.0.0']").await;
    Person::sees(&person.text(".note").await, "their values are not kept: MAX_TOKENS");
    Person::sees(&person.text(".side").await, "kept from 1.0.0");
    assert!(!person.source().await.contains("hunter2"));
    person.look("6-next-version").await;
    person.fill("#version", "2.0.0").await;
    let typed = person.typed().await.replace("BUCKET = \"\"", "BUCKET = \"hunter2-bucket\"");
    person.fill("#text", &typed).await;
    person.press("form button").await;
    Person::sees(&person.text("[role=status]").await, "as revision 1");

    // An install starts with a copy.
    person.fill("#name", "acme").await;
    person.press("form[action$='/installs'] button").await;
    Person::sees(&person.text("h1").await, "acme");
    person.look("7-install").await;

    // Two windows with the same form: the later one gets a new form, and its text is shown.
    let url = "/modules/chat/2.0.0/installs/acme";
    person.press("a[href$='/acme/edit']").await;
    person.look("8-replace").await;
    let first = person.driver.window().await.unwrap();
    let second = person.driver.new_window().await.unwrap();
    person.driver.switch_to_window(second).await.unwrap();
    person.go(&format!("{url}/edit")).await;
    let text = person.typed().await;
    person.fill("#text", &text.replacen("<unchanged>", "hunter2-second", 1)).await;
    person.press("form button").await;
    Person::sees(&person.text("[role=status]").await, "as revision 2");
    person.driver.close_window().await.unwrap();
    person.driver.switch_to_window(first).await.unwrap();
    let late = text.replacen("<unchanged>", "hunter2-first", 1);
    person.fill("#text", &late).await;
    person.press("form button").await;
    Person::sees(
        &person.text("#problems").await,
        "Your form was made from revision 1; the current one is revision 2",
    );
    assert_eq!((person.typed().await, person.typed_before().await), (text, late.clone()));
    person.look("9-conflict").await;
    person.fill("#text", &late).await;
    person.press("form button").await;
    Person::sees(&person.text("[role=status]").await, "as revision 3");
    team(person).await;
    person.go(url).await;

    // The module runs with its environment. A link may set the user, but not the endpoint that the
    // token is sent to.
    person.press("a[href$='/acme/run']").await;
    person.press("form button").await;
    Person::sees(&person.text("pre").await, "CLARIFAI_PAT: 13 bytes");
    Person::sees(&person.text("pre").await, "password: 16 bytes");
    person.press("a[href='?user_id=visitor']").await;
    person.press("form button").await;
    Person::sees(&person.text("pre").await, "CLARIFAI_USER_ID: 7 bytes");
    Person::sees(&person.text("table").await, "query parameter user_id");
    person.look("13-run").await;
    person.press("#streamlit button").await;
    Person::sees(&person.text("#streamlit [role=status]").await, "The file was written");
    Person::sees(&person.text(".command").await, "STREAMLIT_SECRETS_FILES=");
    assert!(!person.source().await.contains("hunter2"));
    person.look("13-streamlit").await;
    person.press("#streamlit .danger").await;
    Person::sees(&person.text("#streamlit [role=status]").await, "The file was removed");
    person.press("a[href='?base=https://evil.example']").await;
    Person::sees(&person.text(".problems").await, "base is refused: its host is not allowed");
    assert!(person.driver.find_all(By::Css("form")).await.unwrap().is_empty(), "nothing is run");
    person.look("14-hostile-link").await;

    rotation(person, url).await;

    history(person).await;
}
