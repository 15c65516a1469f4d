//! Figures in families: what stands in the file and what the endpoint answers.

use jiff::Timestamp;

use super::exposition::{Exposition, Kind, Sample};
use super::figures::{Figures, STATES};

/// Says everything.
///
/// `refpoint_last_run_…` is about the last run that has ended, and stays while another one goes;
/// `refpoint_run_…` about the one at hand, whether it goes or has just ended. Times are points in time rather
/// than ages: what stands in a file does not grow older by itself.
pub(super) fn write(figures: &Figures, now: Timestamp) -> String {
    let mut page = Exposition::default();
    let plan = [("plan", figures.plan.as_str())];
    page.family(
        "refpoint_build_info",
        Kind::Gauge,
        "The version of refpoint that wrote this, with the value 1.",
    )
    .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1_u64);
    last_run(&mut page, figures, &plan);
    if let Some(started_at) = figures.started_at {
        run(&mut page, figures, &plan, started_at, now);
        sums(&mut page, figures, &plan);
    }
    if figures.hosts.len() <= MOST_HOSTS {
        hosts(&mut page, figures);
    }
    page.finish()
}

/// Takes over how the last run of a plan ended from what was written then. Returns the plans that it is about.
pub(super) fn read(text: &str, figures: &mut Figures) -> Vec<String> {
    let mut plans: Vec<String> = Vec::new();
    for sample in text.lines().filter_map(Sample::read) {
        let Some(plan) = sample.label("plan") else { continue };
        if !plans.iter().any(|known| known == plan) {
            plans.push(plan.to_owned());
        }
        if plan != figures.plan {
            continue;
        }
        match sample.name {
            LAST_SUCCESS => figures.last.success_at = sample.timestamp(),
            LAST_END => figures.last.ended_at = sample.timestamp(),
            LAST_DURATION => figures.last.seconds = Some(sample.value),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
            LAST_EXIT_CODE => figures.last.exit_code = Some(sample.value as u8),
            HOST_SUCCESS => {
                if let (Some(host), Some(at)) = (sample.label("host"), sample.timestamp()) {
                    figures.remember(host, at);
                }
            }
            _ => {}
        }
    }
    plans
}

fn last_run(page: &mut Exposition, figures: &Figures, plan: &[(&str, &str)]) {
    let last = &figures.last;
    page.family(
        LAST_SUCCESS,
        Kind::Gauge,
        "When a run of the plan last ended with everything done, warnings or not.",
    )
    .maybe(plan, last.success_at);
    page.family(LAST_END, Kind::Gauge, "When a run of the plan last ended or was stopped.")
        .maybe(plan, last.ended_at);
    page.family(LAST_DURATION, Kind::Gauge, "How long that run took.").maybe(plan, last.seconds);
    page.family(LAST_EXIT_CODE, Kind::Gauge, "The exit code of that run: 0 all done, 3 done with warnings.")
        .maybe(plan, last.exit_code);
}

fn run(
    page: &mut Exposition,
    figures: &Figures,
    plan: &[(&str, &str)],
    started_at: Timestamp,
    now: Timestamp,
) {
    page.family("refpoint_run_info", Kind::Gauge, "What the run is called, with the value 1.")
        .sample(&[plan[0], ("run", &figures.run)], 1_u64);
    page.family("refpoint_run_in_progress", Kind::Gauge, "Whether the run is under way.")
        .sample(plan, figures.is_running);
    page.family("refpoint_run_start_timestamp_seconds", Kind::Gauge, "When the run began.")
        .sample(plan, started_at);
    page.family(
        "refpoint_run_heartbeat_timestamp_seconds",
        Kind::Gauge,
        "When these numbers were written: while the run is under way, a time long ago means that its process is gone.",
    )
    .sample(plan, now);
    let end = if figures.is_running { now } else { figures.last.ended_at.unwrap_or(now) };
    page.family("refpoint_run_duration_seconds", Kind::Gauge, "How long the run takes so far, or took.")
        .sample(plan, end.duration_since(started_at).as_secs_f64().max(0.0));
}

fn sums(page: &mut Exposition, figures: &Figures, plan: &[(&str, &str)]) {
    let plan = plan[0];
    let mut units =
        page.family("refpoint_run_units", Kind::Gauge, "Machines and groups of the run, by state.");
    for (state, count) in STATES.iter().zip(figures.units_by_state()) {
        units.sample(&[plan, ("state", state)], count);
    }
    let mut hosts = page.family("refpoint_run_hosts", Kind::Gauge, "Hosts of the run, by state.");
    for (state, count) in figures.hosts_by_state() {
        hosts.sample(&[plan, ("state", state)], count);
    }
    let (of_hosts, of_units) = figures.failures();
    let mut failures =
        page.family("refpoint_run_failures", Kind::Gauge, "Hosts and units that failed, by cause.");
    for (of, counts) in [("host", of_hosts), ("unit", of_units)] {
        for (cause, count) in counts {
            failures.sample(&[plan, ("of", of), ("cause", &cause)], count);
        }
    }
    let (jobs, stalled) = figures.jobs();
    page.family("refpoint_run_jobs_running", Kind::Gauge, "Jobs of hosts that are followed.")
        .sample(&[plan], jobs);
    page.family("refpoint_run_jobs_stalled", Kind::Gauge, "Jobs of hosts that are followed and do not move.")
        .sample(&[plan], stalled);
    page.family("refpoint_run_jobs_started_total", Kind::Counter, "Jobs that hosts began.")
        .sample(&[plan], figures.jobs_begun());
    page.family(
        "refpoint_run_oldest_progress_timestamp_seconds",
        Kind::Gauge,
        "When the running unit that has not moved for the longest time moved last.",
    )
    .maybe(&[plan], figures.oldest_move());
    let traffic = figures.traffic();
    page.family("refpoint_run_requests_total", Kind::Counter, "How often hosts were asked something.")
        .sample(&[plan], traffic.requests);
    page.family("refpoint_run_sent_bytes_total", Kind::Counter, "Octets that were sent to hosts.")
        .sample(&[plan], traffic.sent);
    page.family("refpoint_run_received_bytes_total", Kind::Counter, "Octets that were received from hosts.")
        .sample(&[plan], traffic.received);
    page.family("refpoint_run_warnings_total", Kind::Counter, "Warnings.").sample(&[plan], figures.warnings);
    let mut retries = page.family("refpoint_run_retries_total", Kind::Counter, "Further tries, by cause.");
    for (cause, count) in &figures.retries {
        retries.sample(&[plan, ("cause", cause)], *count);
    }
}

fn hosts(page: &mut Exposition, figures: &Figures) {
    let plan = ("plan", figures.plan.as_str());
    let mut up = page.family("refpoint_host_up", Kind::Gauge, "Whether the host could be worked with.");
    for (name, host) in &figures.hosts {
        up.maybe(&[plan, ("host", name)], host.is_up);
    }
    let mut success =
        page.family(HOST_SUCCESS, Kind::Gauge, "When a run last ended with everything of the host done.");
    for (name, host) in &figures.hosts {
        success.maybe(&[plan, ("host", name)], host.success_at);
    }
    let mut limits =
        page.family("refpoint_host_limit_units", Kind::Gauge, "How many units the host may work on at once.");
    for (name, host) in &figures.hosts {
        limits.maybe(&[plan, ("host", name)], host.limit);
    }
    let by_host = figures.units_by_host();
    let units = |name: &str| by_host.get(name).copied().unwrap_or_default();
    // A host that was not looked at has no units yet.
    let known = || figures.hosts.iter().filter(|(_, host)| host.is_up.is_some());
    let mut running =
        page.family("refpoint_host_units_running", Kind::Gauge, "Units of the host that are under way.");
    for (name, _) in known() {
        running.sample(&[plan, ("host", name)], units(name).0);
    }
    let mut failed =
        page.family("refpoint_host_units_failed", Kind::Gauge, "Units of the host that ended, and not well.");
    for (name, _) in known() {
        failed.sample(&[plan, ("host", name)], units(name).1);
    }
}

const LAST_SUCCESS: &str = "refpoint_last_run_success_timestamp_seconds";
const LAST_END: &str = "refpoint_last_run_end_timestamp_seconds";
const LAST_DURATION: &str = "refpoint_last_run_duration_seconds";
const LAST_EXIT_CODE: &str = "refpoint_last_run_exit_code";
const HOST_SUCCESS: &str = "refpoint_host_last_success_timestamp_seconds";

/// Of more hosts than this there are sums alone: each has five series, and a Prometheus holds all of them.
pub(super) const MOST_HOSTS: usize = 2_000;
