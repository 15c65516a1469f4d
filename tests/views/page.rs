//! The page, in a real browser.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use refpoint::fleet::{Ending, HostState, Outcome, RunReport};
use serde_json::{Value as Json, json};

use crate::browser::Browser;
use crate::program::{fleet, folder};
use crate::runs::{HOSTILE, Runs, counted, hostile};

fn written(report: &RunReport, name: &str) -> PathBuf {
    let file = folder(name).join("run.html");
    std::fs::write(&file, fleet(&["report", "-o", "html"], report)).unwrap();
    file
}

/// Returns a browser that shows the report.
fn shown(report: &RunReport, name: &str) -> (Browser, PathBuf) {
    let (browser, file) = (Browser::start(name), written(report, name));
    browser.size(1400, 900);
    browser.open(&file);
    (browser, file)
}

/// Fails if anything was complained about, or anything but the page was asked for.
#[track_caller]
fn is_at_peace(browser: &Browser, file: &std::path::Path) {
    assert_eq!(browser.complaints(), Vec::<Json>::new());
    assert_eq!(browser.requests(), [format!("file://{}", file.display())]);
}

/// Returns the numbers of the units whose rows stand in the table, in their order.
fn rows(browser: &Browser) -> Vec<i64> {
    let units = browser.value(
        "(() => { const data = JSON.parse(document.getElementById('data').textContent); \
         const rows = [...document.querySelectorAll('#table tbody tr')].map((row) => data.units[row.dataset.unit]); \
         return rows.filter((unit) => unit).map((unit) => unit[0]); })()",
    );
    units.as_array().unwrap().iter().map(|unit| unit.as_i64().unwrap()).collect()
}

fn text(browser: &Browser, selector: &str) -> String {
    let found = browser.value(&format!("document.querySelector({selector:?}).textContent"));
    found.as_str().unwrap_or_default().to_owned()
}

fn numbers<'r>(
    report: &'r RunReport,
    wanted: impl Fn(&refpoint::fleet::UnitReport) -> bool + 'r,
) -> BTreeSet<i64> {
    report.units.iter().filter(|unit| wanted(unit)).map(|unit| unit.unit).collect()
}

#[test]
fn the_page_says_what_the_report_says() {
    let report = Runs::new(21).stopped(60, 5);
    let (browser, file) = shown(&report, "totals");
    let totals = &report.totals;
    for (name, count) in [
        ("completed", totals.completed),
        ("failed", totals.failed),
        ("unknown", totals.unknown),
        ("detached", totals.detached),
        ("outstanding", totals.outstanding),
    ] {
        let tile = format!(
            "[...document.querySelectorAll('.tile b')].find((tile) => tile.querySelector('.of-{name}'))?.lastChild.textContent ?? '0'"
        );
        assert_eq!(browser.value(&tile), count.to_string(), "{name}");
    }
    assert!(text(&browser, "#shown").starts_with(&format!("{} units", report.units.len())));
    assert!(text(&browser, ".go-on code").ends_with(&format!("fleet resume {}", report.run)));
    is_at_peace(&browser, &file);
}

#[test]
fn a_text_an_outcome_and_a_cause_choose_what_is_shown() {
    let report = Runs::new(22).finished(120, 5);
    let (browser, file) = shown(&report, "filter");
    // The key that everybody tries first, and two words of which both are to match.
    browser.press("/");
    browser.write("HV01 web");
    let expected = numbers(&report, |unit| unit.host.contains("hv01") && unit.name.contains("web"));
    assert!(!expected.is_empty());
    assert_eq!(rows(&browser).into_iter().collect::<BTreeSet<_>>(), expected);
    assert!(text(&browser, "#shown").starts_with(&format!(
        "{} of {} units",
        expected.len(),
        report.units.len()
    )));

    browser.click("#clear");
    browser.click(".chip:has(.of-failed)");
    browser.click(".chip:has(.of-unknown)");
    let ill = |unit: &refpoint::fleet::UnitReport| {
        matches!(unit.outcome(), Some(Outcome::Failed | Outcome::Unknown))
    };
    assert_eq!(rows(&browser).into_iter().collect::<BTreeSet<_>>(), numbers(&report, ill));
    let pressed = browser.value("document.querySelectorAll('.chip[aria-pressed=true]').length");
    assert_eq!(pressed, 2);

    browser.click("#clear");
    let cause = browser.value(
        "[...document.querySelectorAll('.cause')].findIndex((cause) => cause.textContent.includes('0x80070070')) + 1",
    );
    browser.click(&format!(".cause:nth-child({cause}) button[data-cause]"));
    let full = |unit: &refpoint::fleet::UnitReport| {
        unit.error().is_some_and(|error| error.code == Some(0x8007_0070))
    };
    assert_eq!(rows(&browser).into_iter().collect::<BTreeSet<_>>(), numbers(&report, full));
    assert!(text(&browser, "#shown").contains("cause: job failed on the host (0x80070070)"));

    browser.click("#clear");
    browser.write("no such thing anywhere");
    assert_eq!(rows(&browser), [] as [i64; 0]);
    assert_eq!(text(&browser, ".nothing"), "No unit matches.");
    is_at_peace(&browser, &file);
}

#[test]
fn a_host_of_which_no_unit_is_known_is_found_all_the_same() {
    let report = Runs::new(31).stopped(300, 2);
    let (browser, file) = shown(&report, "wholes");
    let failed = report.hosts.iter().find(|host| host.error.is_some()).unwrap();
    let waiting = report.hosts.iter().find(|host| host.state == HostState::Outstanding).unwrap();
    for (host, outcome, why) in [
        (failed, "failed", failed.error.as_ref().unwrap().message.as_str()),
        (waiting, "not begun", "not looked at"),
    ] {
        browser.value("document.getElementById('text').select(); document.getElementById('text').focus()");
        browser.write(&host.host);
        let row = text(&browser, "#table tbody tr");
        for part in [outcome, "(whole host)", &host.host, why] {
            assert!(row.contains(part), "{part}: {row}");
        }
        assert_eq!(text(&browser, "#shown"), format!("0 of {} units, 1 whole host", report.units.len()));
    }
    browser.click("#table tbody .link");
    assert!(text(&browser, "#details-body").contains(&waiting.host));
    browser.press("Escape");
    browser.click("#clear");
    let cause = browser.value(
        "[...document.querySelectorAll('.cause')].findIndex((cause) => /^[0-9]+ hosts?$/.test(cause.querySelector('.reach').textContent)) + 1",
    );
    browser.click(&format!(".cause:nth-child({cause}) button[data-cause]"));
    assert!(text(&browser, "#table tbody tr").contains("(whole host)"));
    browser.click("#table tbody .link");
    browser.press("Escape");
    is_at_peace(&browser, &file);
}

#[test]
fn each_heading_sorts_up_and_down() {
    let report = Runs::new(23).stopped(30, 5);
    let (browser, file) = shown(&report, "sort");
    let of = |number: i64| report.units.iter().find(|unit| unit.unit == number).unwrap();
    for (key, descending) in [("name", false), ("name", true), ("start", false), ("took", true)] {
        browser.click(&format!("[data-sort={key}]"));
        if key == "took" {
            browser.click("[data-sort=took]");
        }
        let sorted = browser.value(&format!("document.querySelector('th:has([data-sort={key}])').ariaSort"));
        assert_eq!(sorted, if descending { "descending" } else { "ascending" }, "{key}");
        let rows = rows(&browser);
        assert!((50..=100).contains(&rows.len()), "{}", rows.len());
        let took = |number: i64| {
            let unit = of(number);
            unit.started_at.zip(unit.finished_at).map_or(-1, |(from, to)| to.duration_since(from).as_secs())
        };
        let is_sorted = match (key, descending) {
            ("name", false) => rows.is_sorted_by_key(|number| of(*number).name.clone()),
            ("name", true) => rows.iter().rev().is_sorted_by_key(|number| of(*number).name.clone()),
            ("start", _) => rows
                .is_sorted_by_key(|number| of(*number).started_at.map_or(i64::MAX, |at| at.as_millisecond())),
            _ => rows.iter().rev().is_sorted_by_key(|number| took(*number)),
        };
        assert!(is_sorted, "{key}");
    }
    is_at_peace(&browser, &file);
}

#[test]
fn one_unit_is_shown_with_everything_that_is_known_of_it() {
    let report = Runs::new(24).finished(60, 5);
    let (browser, file) = shown(&report, "details");
    let failed = report.units.iter().find(|unit| unit.outcome() == Some(Outcome::Failed)).unwrap();
    browser.click("#text");
    browser.write(&failed.id);
    browser.click("#table tbody .link");
    let details = text(&browser, "#details-body");
    let (error, export) = (failed.error().unwrap(), failed.export().unwrap());
    for part in [&failed.name, &failed.id, &failed.directory, &failed.host, &error.message] {
        assert!(details.contains(part.as_str()), "{part}: {details}");
    }
    assert!(details.contains(error.hint.as_ref().unwrap()) && details.contains(&export.requests.to_string()));
    browser.press("Escape");
    assert_eq!(browser.value("document.getElementById('details').open"), false);

    // Files, and the way from one unit to the next by keys alone.
    browser.click("#clear");
    browser.click(".chip:has(.of-completed)");
    browser.value("document.querySelector('#table tbody .link').focus()");
    browser.press("Enter");
    let first = report.units.iter().find(|unit| unit.unit == rows(&browser)[0]).unwrap();
    let details = text(&browser, "#details-body");
    let receipt = &first.export().unwrap().receipt;
    for file in receipt.log_files.iter().chain(&receipt.config_files) {
        assert!(details.contains(file.as_str()), "{file}: {details}");
    }
    browser.press("ArrowRight");
    let second = report.units.iter().find(|unit| unit.unit == rows(&browser)[1]).unwrap();
    assert!(text(&browser, "#details-body").contains(&second.id));
    assert_eq!(browser.value("location.hash"), format!("#unit-{}", second.unit));
    browser.press("Escape");
    is_at_peace(&browser, &file);
}

#[test]
fn the_timeline_is_walked_with_the_keyboard_and_holds_only_what_is_in_sight() {
    let report = Runs::new(25).finished(1000, 5);
    let (browser, file) = shown(&report, "timeline");
    let lanes =
        |browser: &Browser| browser.value("document.querySelectorAll('.lane').length").as_u64().unwrap();
    assert!((5..80).contains(&lanes(&browser)), "{}", lanes(&browser));
    assert_eq!(browser.value("document.querySelectorAll('.bar[tabindex=\"0\"]').length"), 1);
    browser.value("document.querySelector('.bar[tabindex=\"0\"]').focus()");
    let current = "document.activeElement.dataset.unit";
    let mut seen = BTreeSet::new();
    for _ in 0..60 {
        assert!(browser.value("document.activeElement.classList.contains('bar')").as_bool().unwrap());
        seen.insert(browser.value(current).as_str().unwrap().to_owned());
        browser.press("ArrowDown");
    }
    assert!(seen.len() >= 60, "{}", seen.len());
    assert!(browser.value("document.getElementById('lanes').scrollTop").as_f64().unwrap() > 500.0);
    assert!((5..80).contains(&lanes(&browser)));
    browser.press("ArrowUp");
    browser.press("Enter");
    assert_eq!(browser.value("document.getElementById('details').open"), true);
    browser.press("Escape");

    // The last lane is there when one has scrolled to it.
    browser.value("(() => { const order = document.getElementById('lane-order'); order.value = 'name'; order.dispatchEvent(new Event('change')); })()");
    browser.value("new Promise((done) => { const lanes = document.getElementById('lanes'); lanes.scrollTop = lanes.scrollHeight; requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done))); })");
    let labels =
        browser.value("[...document.querySelectorAll('.lane .label bdi')].map((label) => label.textContent)");
    assert!(labels.as_array().unwrap().contains(&json!("hv1000")), "{labels}");
    is_at_peace(&browser, &file);
}

#[test]
fn no_name_breaks_out_of_the_page() {
    let report = hostile();
    let (browser, file) = shown(&report, "hostile");
    browser.click("#table tbody .link");
    browser.press("Escape");
    assert_eq!(browser.value("document.querySelectorAll('img, iframe, object, embed, b script').length"), 0);
    assert_eq!(browser.value("document.querySelectorAll('script').length"), 2);
    assert_ne!(browser.value("document.title"), "broken out");
    let command = format!("refpoint fleet resume '{}'", HOSTILE[0].replace('\'', r"'\''"));
    assert_eq!(browser.value("document.querySelector('[data-copy]').dataset.copy"), command);
    let names =
        browser.value("[...document.querySelectorAll('#table tbody .link')].map((link) => link.textContent)");
    let names = names.as_array().unwrap();
    for text in [HOSTILE[0], HOSTILE[2], HOSTILE[6], HOSTILE[7]] {
        assert!(names.contains(&json!(text)), "{text}: {names:?}");
    }
    assert!(names.contains(&json!(r"abc\u{202e}gpj.exe \u{2067}rtl\u{2069}")), "{names:?}");
    is_at_peace(&browser, &file);
}

#[test]
fn the_page_is_read_without_scripts() {
    let report = Runs::new(26).finished(60, 5);
    let (browser, file) = (Browser::start("bare"), written(&report, "bare"));
    browser.scripts(false);
    browser.navigate(&file);
    let seen = browser.call("DOM.getDocument", json!({"depth": 1}));
    let html =
        browser.call("DOM.getOuterHTML", json!({"nodeId": seen["root"]["nodeId"]}))["outerHTML"].clone();
    let html = html.as_str().unwrap();
    let body = html.split("<noscript>").nth(1).unwrap();
    let wholes = report.hosts.iter().filter(|host| host.error.is_some()).count();
    assert_eq!(body.matches("<tr><td>").count(), report.units.len() + wholes);
    // What only scripts bring to life is not there to be wondered at.
    assert!(html.contains("<section id=\"timeline\" aria-labelledby=\"timeline-title\" hidden"), "{html}");
    browser.scripts(true);
}

#[test]
fn every_word_can_be_read_in_light_and_in_the_dark() {
    let report = Runs::new(27).running(60, 5);
    let (browser, file) = shown(&report, "contrast");
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        for width in [1400, 390] {
            browser.size(width, 900);
            let worst = browser.value(CONTRAST);
            let ratio = worst["ratio"].as_f64().unwrap();
            assert!(ratio >= 4.5, "{scheme}, {width}: {worst}");
            let marks = worst["texts"].as_u64().unwrap();
            assert!(marks > 200, "{worst}");
            let wide = browser.value("document.documentElement.scrollWidth - innerWidth");
            assert!(wide.as_i64().unwrap() <= 0, "{scheme}, {width}: wider than the window by {wide}");
        }
        browser.size(1400, 900);
        browser.click("#table tbody .link");
        let worst = browser.value(CONTRAST);
        assert!(worst["ratio"].as_f64().unwrap() >= 4.5, "{scheme}, details: {worst}");
        browser.press("Escape");
    }
    // The switch is stronger than the system, and goes round.
    let ground = "getComputedStyle(document.body).backgroundColor";
    browser.prefer("dark");
    let dark = browser.value(ground);
    browser.click("#theme");
    let light = browser.value(ground);
    assert_ne!(dark, light);
    browser.prefer("light");
    browser.click("#theme");
    assert_eq!(browser.value(ground), dark);
    browser.click("#theme");
    assert_eq!(browser.value(ground), light);
    assert_eq!(text(&browser, "#theme"), "Theme: system");
    is_at_peace(&browser, &file);
}

/// Returns the lowest contrast of any text with what is behind it, by WCAG 2.2's formula (1.4.3).
const CONTRAST: &str = "(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const known = new Map();
  const rgba = (colour) => {
    if (!known.has(colour)) {
      canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
      known.set(colour, [...canvas.getImageData(0, 0, 1, 1).data].map((part, at) => (at < 3 ? part : part / 255)));
    }
    return known.get(colour);
  };
  const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a)];
  const behind = (element) => {
    if (!element) return matchMedia('(prefers-color-scheme: dark)').matches ? [0, 0, 0] : [255, 255, 255];
    const colour = rgba(getComputedStyle(element).backgroundColor);
    return colour[3] === 1 ? colour : over(colour, behind(element.parentElement));
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((part) => { const c = part / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const worst = { ratio: 99, text: '', texts: 0 };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const [words, element] = [walker.currentNode.data.trim(), walker.currentNode.parentElement];
    if (!words || element.closest('script, noscript') || !element.checkVisibility()) continue;
    const back = behind(element);
    const [a, b] = [light(over(rgba(getComputedStyle(element).color), back)), light(back)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    worst.texts += 1;
    if (ratio < worst.ratio) Object.assign(worst, { ratio, text: words, where: element.className || element.tagName });
  }
  return worst;
})()";

#[test]
fn every_outcome_has_a_mark_of_its_own_beside_its_colour() {
    let mut report = Runs::new(28).finished(40, 5);
    let outcomes = [
        Outcome::Completed,
        Outcome::CompletedWithWarnings,
        Outcome::Failed,
        Outcome::Cancelled,
        Outcome::Detached,
        Outcome::Unknown,
    ];
    for (unit, outcome) in report.units.iter_mut().zip(outcomes.iter().cycle()) {
        let Some(Ending::Export(export)) = &mut unit.ending else { continue };
        export.outcome = *outcome;
    }
    let (browser, file) = shown(&counted(report), "marks");
    let marks =
        browser.value("[...document.querySelectorAll('#legend .mark')].map((mark) => mark.textContent)");
    let marks: BTreeSet<&str> = marks.as_array().unwrap().iter().filter_map(Json::as_str).collect();
    assert_eq!(marks.len(), outcomes.len(), "{marks:?}");
    is_at_peace(&browser, &file);
}

#[test]
fn on_paper_all_units_stand_and_nothing_that_is_pressed() {
    let report = Runs::new(29).finished(100, 5);
    let (browser, file) = shown(&report, "paper");
    assert!(rows(&browser).len() <= 100);
    browser.value("dispatchEvent(new Event('beforeprint'))");
    assert_eq!(rows(&browser).len(), report.units.len());
    browser.call("Emulation.setEmulatedMedia", json!({"media": "print"}));
    let pressed = "[...document.querySelectorAll('.controls, .switches, #lanes')].filter((it) => it.checkVisibility()).length";
    assert_eq!(browser.value(pressed), 0);
    browser.call("Emulation.setEmulatedMedia", json!({"media": ""}));
    browser.value("dispatchEvent(new Event('afterprint'))");
    assert!(rows(&browser).len() <= 100);
    is_at_peace(&browser, &file);
}

#[test]
fn five_thousand_units_are_filtered_while_one_types() {
    let report = Runs::new(30).finished(1000, 5);
    let page = fleet(&["report", "-o", "html"], &report);
    let browser = Browser::start("large");
    let file = folder("large").join("run.html");
    std::fs::write(&file, &page).unwrap();
    browser.size(1400, 900);
    let opened = browser.open(&file);
    let began = Instant::now();
    let milliseconds = browser.value(
        "(async () => { const box = document.getElementById('text'); const frame = () => new Promise(requestAnimationFrame); \
         const began = performance.now(); let most = 0; \
         for (const text of ['h', 'hv', 'hv0', 'hv04', 'hv042', 'hv04', 'hv0', 'h', '']) { \
           const from = performance.now(); box.value = text; box.dispatchEvent(new Event('input')); await frame(); most = Math.max(most, performance.now() - from); } \
         return { most, all: performance.now() - began }; })()",
    );
    assert!(text(&browser, "#shown").starts_with(&format!("{} units", report.units.len())));
    is_at_peace(&browser, &file);
    let kilobytes = page.len() / 1000;
    let (units, typed) = (report.units.len(), began.elapsed());
    // A figure to look at: how fast it is depends on the machine.
    std::fs::write(
        std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("page-of-5000-units.txt"),
        format!("{units} units: {kilobytes} kB, opened in {opened:?}, nine changes of the filter in {typed:?}: {milliseconds} ms\n"),
    )
    .unwrap();
    assert!(page.len() < 6_000_000, "{kilobytes} kB");
}

#[test]
fn a_page_to_look_at() {
    let report = Runs::new(20).stopped(1000, 5);
    let page = fleet(&["report", "-o", "html"], &report);
    assert!(page.contains(&report.run));
    let Ok(file) = std::env::var("REFPOINT_PAGE") else { return };
    std::fs::write(&file, page).unwrap();
    let (browser, path) = (Browser::start("look"), PathBuf::from(&file));
    for (name, scheme, width) in [
        ("light", "light", 1400),
        ("dark", "dark", 1400),
        ("narrow", "light", 390),
        ("narrow-dark", "dark", 390),
    ] {
        browser.prefer(scheme);
        browser.size(width, 1900);
        browser.open(&path);
        std::fs::write(format!("{file}.{name}.png"), browser.picture()).unwrap();
        browser.value("document.getElementById('timeline').scrollIntoView({behavior: 'instant'})");
        std::fs::write(format!("{file}.{name}.below.png"), browser.picture()).unwrap();
    }
    browser.size(1400, 900);
    browser.open(&path);
    browser.click("#table tbody tr .link");
    std::fs::write(format!("{file}.details.png"), browser.picture()).unwrap();
}
