//! Drives clients through the recorded retry vectors. The clock, the server and the recorded draws are here;
//! every rule is the program's: classification, retry quota, backoff, client rate limiter.

use kmsim::catalog::{self, Classification};
use kmsim::engine::SECOND;
use kmsim::model::retry::{
    ClientRateLimiter, ClientState, ErrorKind, FailedAnswer, Failure, RetryAfter, RetryPolicy,
    RetryTokens, RetryVerdict, SendQueue, Service,
};
use serde_json::Value;
use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{list, number, text, whole};

/// The kinds of responses, recorded with the vectors.
fn kinds() -> &'static Value {
    use std::sync::OnceLock;
    static KINDS: OnceLock<Value> = OnceLock::new();
    KINDS.get_or_init(|| {
        // A folder without that file uses the project's.
        let path = [super::folder(), super::own_folder()]
            .map(|folder| folder.join("retry_kinds.json"))
            .into_iter()
            .find(|path| path.exists())
            .expect("a retry_kinds.json");
        let text = std::fs::read_to_string(&path).expect("a readable file");
        serde_json::from_str(&text).expect("JSON")
    })
}

fn answer(kind: &'static Value) -> FailedAnswer<'static> {
    match kind["exception"].as_str() {
        Some(name) => FailedAnswer::Exception(name),
        None => FailedAnswer::Response {
            status: whole(kind, "http") as u16,
            code: kind["code"].as_str(),
        },
    }
}

fn kind(name: &str) -> &'static Value {
    let kind = &kinds()[name];
    assert!(kind.is_object(), "no kind of response is called {name}");
    kind
}

/// Whether two times, or two figures, agree to `rel`; durations have a nanosecond's grain.
fn close(ours: f64, theirs: f64, rel: f64) -> bool {
    (ours - theirs).abs() <= rel * theirs.abs().max(ours.abs()) + 1e-9
}

/// The rules by which a case was recorded.
struct Rules {
    policy: RetryPolicy,
    classification: &'static Classification,
    service: Service,
}

impl Rules {
    fn of(case: &Value) -> Rules {
        let package = case["engine"]["package"].as_str().unwrap_or_default();
        let spec = case["engine"]["retry_spec"]
            .as_str()
            .or(case["retry_spec"].as_str())
            .expect("a retry_spec");
        let mode = text(case, "mode");
        let sdk = if package.contains("smithy") {
            "smithy"
        } else {
            "botocore"
        };
        let name = match (sdk, mode, spec) {
            ("botocore", "legacy", _) => "botocore-legacy".to_owned(),
            ("botocore", _, "2.1") => format!("botocore-1.44-{mode}"),
            ("botocore", _, "2.0") => format!("botocore-1.43-{mode}"),
            ("smithy", _, _) => format!("smithy-runtime-1.16-{mode}-{spec}"),
            _ => panic!("no profile of {package} has the rules {spec}"),
        };
        let profile = catalog::retry_profile(&name).unwrap_or_else(|| panic!("no profile {name}"));
        let mut policy = RetryPolicy::profile(profile);
        if let Some(most) = case["total_max_attempts"].as_u64() {
            policy.max_attempts = most as u16;
        }
        assert_eq!(
            u64::from(policy.max_attempts),
            whole(case, "effective_max_attempts"),
            "{name}"
        );
        Rules {
            policy,
            classification: profile.classification().expect("a classification"),
            service: match text(case, "service") {
                "s3" => Service::S3,
                "kms" => Service::Kms,
                other => panic!("no rules for the service {other}"),
            },
        }
    }

    fn kind(&self, answer: &FailedAnswer<'_>) -> Option<ErrorKind> {
        answer.kind(self.service, self.classification)
    }
}

/// Recorded uniform numbers, used in order.
struct Draws {
    numbers: Vec<f64>,
    next: Cell<usize>,
    /// Every number is 1.
    ones: bool,
}

impl Draws {
    fn of(v: &Value) -> Draws {
        let numbers = v.as_array().map_or(Vec::new(), |draws| {
            draws.iter().map(|d| d.as_f64().expect("a draw")).collect()
        });
        Draws {
            numbers,
            next: Cell::new(0),
            ones: v.is_null(),
        }
    }

    /// The next one, scaled to 2⁶⁴.
    fn draw(&self) -> u64 {
        let i = self.next.replace(self.next.get() + 1);
        if self.ones {
            return u64::MAX;
        }
        let u = self
            .numbers
            .get(i)
            .expect("one more draw than was recorded");
        (u * 2.0_f64.powi(64)) as u64
    }
}

/// One client with its retry state.
struct Client {
    tokens: Option<RetryTokens>,
    limiter: Option<ClientRateLimiter>,
    queue: SendQueue<usize>,
    draws: Draws,
}

/// A request under way.
#[derive(Clone, Copy, Default)]
struct Request {
    failed: u16,
    last_cost: Option<u32>,
}

impl Client {
    fn new(rules: &Rules, made: f64, draws: Draws) -> Client {
        Client {
            tokens: rules.policy.retry_quota.map(|q| RetryTokens::new(q, 1)),
            limiter: rules
                .policy
                .rate_limiter
                .map(|l| ClientRateLimiter::new(&l, made)),
            queue: SendQueue::new(),
            draws,
        }
    }

    /// An answer at `now`: `None` for a success, else whether it is tried again.
    fn answered(
        &mut self,
        rules: &Rules,
        request: &mut Request,
        answer: &FailedAnswer<'_>,
        header: Option<&str>,
        now: f64,
    ) -> Option<RetryVerdict> {
        let kind = rules.kind(answer);
        if let Some((limiter, figures)) = self.limiter.as_mut().zip(rules.policy.rate_limiter) {
            limiter.answered(&figures, now, kind == Some(ErrorKind::Throttling));
        }
        if answer.is_success() {
            return None;
        }
        let failure = Failure {
            n: request.failed + 1,
            kind,
            retry_after: header.and_then(RetryAfter::parse),
        };
        let state = ClientState {
            tokens: self.tokens.as_mut().map(|t| (t, 0)),
            limiter: self.limiter.as_mut(),
        };
        let draws = &self.draws;
        let verdict = rules.policy.judge(failure, state, now, |_| draws.draw());
        request.failed += 1;
        if let RetryVerdict::Retry { cost, .. } = verdict {
            request.last_cost = Some(cost);
        }
        Some(verdict)
    }

    fn succeeded(&mut self, request: &Request) {
        if let Some(tokens) = &mut self.tokens {
            tokens.refund_cost(0, request.last_cost);
        }
    }

    fn quota(&self) -> Option<u64> {
        self.tokens.as_ref().map(|t| u64::from(t.left(0)))
    }
}

/// When a sleep of `wait` from `now` ends; tokio's timer has a grain of a millisecond.
type Clock = fn(now: f64, wait: f64) -> f64;

fn exact(now: f64, wait: f64) -> f64 {
    (now + wait).max(now.next_up())
}

fn tokio(now: f64, wait: f64) -> f64 {
    (((now + wait) * 1e3 - 1e-6).ceil() / 1e3).max(now.next_up())
}

/// One thread: the attempt's send, after the limiter's token.
fn paced(client: &mut Client, rules: &Rules, request: &Request, mut now: f64, clock: Clock) -> f64 {
    let Some(limiter) = &mut client.limiter else {
        return now;
    };
    if !rules.policy.is_paced(request.failed) {
        return now;
    }
    let Err(wait) = limiter.take(now, 1.0) else {
        return now;
    };
    client.queue.push(now + wait, 0);
    let mut sent = false;
    while !sent {
        let at = client.queue.next_look().expect("a time to look again");
        now = clock(now, at - now);
        sent = client.queue.woken(limiter, now).is_some();
    }
    now
}

/// Figures of the limiter as botocore's vectors name them.
fn state(limiter: &ClientRateLimiter) -> [(&'static str, f64); 8] {
    [
        ("enabled", f64::from(u8::from(limiter.enabled))),
        ("fill_rate", limiter.fill_rate),
        ("max_capacity", limiter.max_capacity),
        ("capacity", limiter.capacity),
        ("tx_rate", limiter.measured_rate),
        ("w_max", limiter.w_max),
        ("k", limiter.k),
        ("last_fail", limiter.last_throttled),
    ]
}

fn figure(v: &Value) -> f64 {
    match v {
        Value::Bool(b) => f64::from(u8::from(*b)),
        v => v.as_f64().unwrap_or_else(|| panic!("{v} is no figure")),
    }
}

fn same_state(client: &Client, theirs: &Value, rel: f64, what: &str) {
    let limiter = client.limiter.as_ref().expect("adaptive");
    let theirs = theirs
        .as_object()
        .unwrap_or_else(|| panic!("{what}: no state"));
    let ours = state(limiter);
    for (name, value) in theirs {
        let (_, own) = ours
            .iter()
            .find(|(n, _)| n == name)
            .unwrap_or_else(|| panic!("{what}: the limiter has no {name}"));
        // As with times, what is left of the tokens is the difference of two large numbers.
        let slack = if name == "capacity" { 10.0 * rel } else { 0.0 };
        assert!(
            close(*own, figure(value), rel) || (*own - figure(value)).abs() <= slack,
            "{what}: {name} {own} for {value}"
        );
    }
}

fn same_time(ours: f64, theirs: &Value, name: &str, slack: f64, what: &str) {
    if let Some(theirs) = theirs[name].as_f64() {
        assert!(
            close(ours, theirs, 1e-9) || (ours - theirs).abs() <= slack,
            "{what}: {name} {ours:.9} for {theirs:.9}"
        );
    } else {
        panic!("{what}: no {name}");
    }
}

// ----- the schemas ---------------------------------------------------------------------------------

pub fn kinds_file(file: &Value) -> usize {
    let rules = |name: &str| {
        let profile = catalog::retry_profile(name).expect("a profile");
        profile.classification().expect("a classification")
    };
    let (legacy, old, new) = (
        rules("legacy"),
        rules("standard-2.0"),
        rules("standard-2.1"),
    );
    let file = file.as_object().expect("an object");
    for (name, row) in file {
        let row: &'static Value = Box::leak(Box::new(row.clone()));
        let answer = answer(row);
        let kind = |rules| answer.kind(Service::Kms, rules);
        let retried = |rules| {
            if kind(rules).is_some() {
                "retry"
            } else {
                "none"
            }
        };
        assert_eq!(retried(legacy), text(row, "legacy"), "{name} in legacy");
        assert_eq!(retried(old), text(row, "standard_2.0"), "{name} under 2.0");
        let standard = match kind(new) {
            None => "none",
            Some(ErrorKind::Throttling) => "throttling",
            Some(ErrorKind::Transient | ErrorKind::Timeout) => "transient",
        };
        assert_eq!(standard, text(row, "standard"), "{name} under 2.1");
        let flag = |name: &str| row[name].as_bool().expect("a flag");
        assert_eq!(
            kind(new) == Some(ErrorKind::Timeout),
            flag("timeout"),
            "{name}"
        );
        assert_eq!(
            kind(old) == Some(ErrorKind::Timeout),
            flag("timeout"),
            "{name}"
        );
        let throttles = kind(new) == Some(ErrorKind::Throttling);
        assert_eq!(throttles, flag("standard_throttle"), "{name}");
        assert_eq!(answer.is_success(), name == "ok", "{name}");
    }
    file.len()
}

pub fn sequential(cases: &Value) -> usize {
    for case in list(cases) {
        one_by_one(case, exact, 0.0, 1e-9);
    }
    list(cases).len()
}

pub fn smithy(cases: &Value) -> usize {
    for case in list(cases) {
        one_by_one(case, tokio, 2e-3, 1e-6);
    }
    list(cases).len()
}

fn one_by_one(case: &Value, clock: Clock, slack: f64, rel: f64) {
    let id = text(case, "id");
    let rules = Rules::of(case);
    let t0 = number(case, "t0");
    let mut client = Client::new(&rules, t0, Draws::of(&case["draws"]));
    let mut now = t0;
    let (calls, expected) = (list(&case["calls"]), list(&case["expect"]["calls"]));
    assert_eq!(calls.len(), expected.len(), "{id}");
    for (i, (call, theirs)) in calls.iter().zip(expected).enumerate() {
        let script = list(&call["script"]);
        let attempts = list(&theirs["attempts"]);
        now = now.max(number(call, "start"));
        same_time(now, theirs, "begin", slack, &format!("{id}, call {i}"));
        let mut request = Request::default();
        for k in 0.. {
            let what = format!("{id}, call {i}, attempt {}", k + 1);
            let theirs_now = attempts
                .get(k)
                .unwrap_or_else(|| panic!("{what} was not made"));
            let step = &script[k.min(script.len() - 1)];
            let response = kind(text(step, "kind"));
            assert_eq!(text(step, "kind"), text(theirs_now, "kind"), "{what}");
            if !theirs_now["ready"].is_null() {
                same_time(now, theirs_now, "ready", slack, &what);
            }
            now = paced(&mut client, &rules, &request, now, clock);
            same_time(now, theirs_now, "sent", slack, &what);
            now += number(step, "lat");
            same_time(now, theirs_now, "recv", slack, &what);
            let header = step["headers"]["x-amz-retry-after"].as_str();
            let answer = answer(response);
            let drawn = client.draws.next.get();
            let verdict = client.answered(&rules, &mut request, &answer, header, now);
            if !theirs_now["quota"].is_null() {
                assert_eq!(
                    client.quota(),
                    theirs_now["quota"].as_u64(),
                    "{what}: quota"
                );
            }
            if !theirs_now["adaptive"].is_null() {
                same_state(&client, &theirs_now["adaptive"], rel, &what);
            }
            let retried = matches!(verdict, Some(RetryVerdict::Retry { .. }));
            assert_eq!(
                Some(retried),
                theirs_now["retried"].as_bool(),
                "{what}: retried"
            );
            if let Some(RetryVerdict::Retry { delay, .. }) = verdict {
                let delay = delay as f64 / SECOND as f64;
                if theirs_now["wait"].is_null() {
                    same_time(delay, theirs_now, "delay", slack, &what);
                    let draw = client.draws.numbers.get(drawn).copied();
                    assert_eq!(draw, theirs_now["draw"].as_f64(), "{what}: draw");
                } else {
                    let sent = number(&attempts[k + 1], "sent");
                    let wait = number(theirs_now, "wait");
                    assert!((sent - now - wait).abs() <= slack, "{what}: wait");
                }
                now = clock(now, delay);
                continue;
            }
            assert_eq!(attempts.len(), k + 1, "{what} is not the last");
            if verdict.is_none() {
                client.succeeded(&request);
            }
            let result = if verdict.is_none() { "ok" } else { "error" };
            assert_eq!(result, text(theirs, "result"), "{what}");
            same_time(now, theirs, "end", slack, &what);
            if !theirs["quota_after_call"].is_null() {
                let after = theirs["quota_after_call"].as_u64();
                assert_eq!(client.quota(), after, "{what}: quota after the call");
            }
            if !theirs["adaptive_after_call"].is_null() {
                same_state(&client, &theirs["adaptive_after_call"], rel, &what);
            }
            reported(&rules, &request, verdict, &answer, theirs, &what);
            break;
        }
    }
    let unused = client
        .draws
        .numbers
        .len()
        .saturating_sub(client.draws.next.get());
    assert_eq!(unused, 0, "{id}: draws left over");
}

/// What botocore writes on its last response: why it stopped. The standard mode says so of a success too.
fn reported(
    rules: &Rules,
    request: &Request,
    verdict: Option<RetryVerdict>,
    answer: &FailedAnswer<'_>,
    theirs: &Value,
    what: &str,
) {
    let responded = matches!(answer, FailedAnswer::Response { .. });
    let attempts = request.failed + u16::from(verdict.is_none());
    let spent = match rules.policy.retry_quota {
        Some(_) => attempts >= rules.policy.max_attempts,
        None => verdict == Some(RetryVerdict::AttemptsSpent),
    };
    for (name, ours) in [
        ("max_attempts_reached", spent),
        ("quota_reached", verdict == Some(RetryVerdict::QuotaSpent)),
    ] {
        if let Some(theirs) = theirs[name].as_bool() {
            assert_eq!(ours && responded, theirs, "{what}: {name}");
        }
    }
}

pub fn long_adaptive(cases: &Value) -> usize {
    for case in list(cases) {
        long(case);
    }
    list(cases).len()
}

fn long(case: &Value) {
    let id = text(case, "id");
    let rules = Rules::of(case);
    let t0 = number(case, "t0");
    let mut client = Client::new(&rules, t0, Draws::of(&case["draws"]));
    let mut responses = text(case, "responses").chars();
    let columns: Vec<&str> = list(&case["columns"])
        .iter()
        .map(|c| c.as_str().expect("a name"))
        .collect();
    let mut rows = list(&case["rows"]).iter().map(list).peekable();
    let by_char = |c: char| {
        let mut all = kinds().as_object().expect("an object").values();
        all.find(|k| k["char"].as_str().is_some_and(|s| s.chars().eq([c])))
            .unwrap_or_else(|| panic!("{id}: no kind of response is written {c}"))
    };
    let (mut now, mut attempts, mut throttles, mut ok) = (t0, 0_u64, 0_u64, 0_u64);
    for start in list(&case["starts"]) {
        now = now.max(start.as_f64().expect("a time"));
        let mut request = Request::default();
        loop {
            let ready = now;
            now = paced(&mut client, &rules, &request, now, exact);
            let sent = now;
            now += number(case, "latency");
            let response = by_char(responses.next().expect("one more response"));
            let answer = answer(response);
            throttles += u64::from(rules.kind(&answer) == Some(ErrorKind::Throttling));
            let verdict = client.answered(&rules, &mut request, &answer, None, now);
            let delay = match verdict {
                Some(RetryVerdict::Retry { delay, .. }) => delay as f64 / SECOND as f64,
                _ => -1.0,
            };
            let attempt = attempts as f64;
            if rows
                .peek()
                .is_some_and(|row| row[0].as_f64() == Some(attempt))
            {
                let row = rows.next().expect("just seen");
                let quota = client.quota().map_or(0.0, |q| q as f64);
                let state = state(client.limiter.as_ref().expect("adaptive"));
                let own = [
                    ("attempt", attempt),
                    ("ready", ready),
                    ("sent", sent),
                    ("recv", now),
                    ("delay", delay),
                    ("quota", quota),
                ];
                for (name, theirs) in columns.iter().zip(row) {
                    let ours = own.iter().chain(&state).find(|(n, _)| n == name);
                    let (_, ours) = ours.unwrap_or_else(|| panic!("{id}: no column {name}"));
                    let rel = if *name == "capacity" { 1e-5 } else { 1e-6 };
                    assert!(
                        close(*ours, figure(theirs), rel),
                        "{id}, attempt {attempt}: {name} {ours} for {theirs}"
                    );
                }
            }
            attempts += 1;
            match verdict {
                Some(RetryVerdict::Retry { .. }) => now = exact(now, delay),
                Some(_) => break,
                None => {
                    client.succeeded(&request);
                    ok += 1;
                    break;
                }
            }
        }
    }
    assert!(rows.next().is_none(), "{id}: attempts that were not made");
    assert!(responses.next().is_none(), "{id}: responses left over");
    let totals = &case["totals"];
    for (name, ours) in [
        ("attempts", attempts),
        ("throttles", throttles),
        ("ok_calls", ok),
    ] {
        assert_eq!(ours, whole(totals, name), "{id}: {name}");
    }
    assert_eq!(client.quota(), totals["quota"].as_u64(), "{id}: quota");
    assert!(close(now, number(totals, "end"), 1e-6), "{id}: end {now}");
    let limiter = client.limiter.as_ref().expect("adaptive");
    for (name, ours) in state(limiter) {
        let rel = if name == "capacity" { 1e-5 } else { 1e-6 };
        let theirs = &totals["state"][name];
        assert!(
            close(ours, figure(theirs), rel),
            "{id}: {name} {ours} for {theirs}"
        );
    }
}

// ----- fleet ---------------------------------------------------------------------------------------

/// What happens to a worker of a client, or to the client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// The next attempt is ready to be sent.
    Ready(usize, usize),
    /// The client's waiting attempts are looked at.
    Look(usize),
    /// An answer arrives: whether the attempt was admitted.
    Answer(usize, usize, bool),
}

#[derive(Default)]
struct Worker {
    calls: u64,
    request: Request,
}

struct Fleet<'a> {
    case: &'a Value,
    rules: Rules,
    clients: Vec<Client>,
    workers: Vec<Vec<Worker>>,
    /// Times as bits: those of positive numbers are in their order.
    events: BinaryHeap<Reverse<(u64, u64, Step)>>,
    scheduled: u64,
    /// The server's tokens, and when it was last asked.
    server: (f64, f64),
    trace: Vec<(f64, usize, usize, bool)>,
    calls: Vec<(f64, usize, usize, bool, u16)>,
}

impl Fleet<'_> {
    fn at(&mut self, time: f64, step: Step) {
        self.scheduled += 1;
        self.events
            .push(Reverse((time.to_bits(), self.scheduled, step)));
    }

    fn send(&mut self, now: f64, client: usize, worker: usize) {
        let server = &self.case["server"];
        let (tokens, asked) = self.server;
        let filled = tokens + (now - asked) * number(server, "rate");
        let filled = filled.min(number(server, "burst"));
        // Sums of decimal times miss the instant of a refill by their rounding.
        let cost = number(server, "cost");
        let admitted = filled >= cost - 1e-9;
        self.server = (if admitted { filled - cost } else { filled }, now);
        self.trace.push((now, client, worker, admitted));
        let latency = number(self.case, "latency");
        self.at(now + latency, Step::Answer(client, worker, admitted));
    }

    /// Wakes a client's waiting attempts whose time has come.
    fn look(&mut self, now: f64, c: usize) {
        while let Some(worker) = self.with_queue(c, |q, l| q.woken(l, now)) {
            self.send(now, c, worker);
        }
        self.plan_look(c);
    }

    fn plan_look(&mut self, c: usize) {
        if let Some(at) = self.with_queue(c, |q, _| q.next_look()) {
            self.at(at, Step::Look(c));
        }
    }

    fn with_queue<T>(
        &mut self,
        c: usize,
        f: impl FnOnce(&mut SendQueue<usize>, &mut ClientRateLimiter) -> Option<T>,
    ) -> Option<T> {
        let client = &mut self.clients[c];
        f(&mut client.queue, client.limiter.as_mut()?)
    }

    fn step(&mut self, now: f64, step: Step) {
        match step {
            Step::Look(c) => self.look(now, c),
            Step::Ready(c, w) => {
                let failed = self.workers[c][w].request.failed;
                let paced = self.rules.policy.is_paced(failed);
                match paced.then(|| self.with_queue(c, |_, l| l.take(now, 1.0).err())) {
                    Some(Some(wait)) => self.clients[c].queue.push(now + wait, w),
                    _ => self.send(now, c, w),
                }
                self.plan_look(c);
            }
            Step::Answer(c, w, admitted) => {
                let response = kind(if admitted { "ok" } else { "throttle" });
                let worker = &mut self.workers[c][w];
                let client = &mut self.clients[c];
                let request = &mut worker.request;
                let answer = answer(response);
                let verdict = client.answered(&self.rules, request, &answer, None, now);
                if let Some(RetryVerdict::Retry { delay, .. }) = verdict {
                    self.at(exact(now, delay as f64 / SECOND as f64), Step::Ready(c, w));
                } else {
                    let attempts = request.failed + u16::from(admitted);
                    if admitted {
                        client.succeeded(request);
                    }
                    *request = Request::default();
                    worker.calls += 1;
                    self.calls.push((now, c, w, admitted, attempts));
                    if worker.calls < whole(self.case, "calls_per_worker") {
                        self.at(now + number(self.case, "think"), Step::Ready(c, w));
                    }
                }
                let wakes = self
                    .rules
                    .policy
                    .rate_limiter
                    .is_some_and(|l| l.answer_wakes);
                if wakes && let Some(w) = self.with_queue(c, |q, l| q.rate_changed(l, now)) {
                    self.send(now, c, w);
                }
                self.plan_look(c);
            }
        }
    }
}

pub fn fleet(cases: &Value) -> usize {
    for case in list(cases) {
        run_fleet(case);
    }
    list(cases).len()
}

fn run_fleet(case: &Value) {
    let id = text(case, "id");
    let t0 = number(case, "t0");
    let rules = Rules::of(case);
    assert_eq!(text(&case["server"], "kind"), "token_bucket", "{id}");
    assert_eq!(text(&case["server"], "initial"), "full", "{id}");
    assert_eq!(text(&case["server"], "decided_at"), "sent", "{id}");
    let (clients, workers) = (whole(case, "clients"), whole(case, "workers_per_client"));
    let mut fleet = Fleet {
        case,
        clients: list(&case["draws_per_client"])
            .iter()
            .map(|draws| {
                let mut draws = Draws::of(draws);
                // Other orders of waking ask for other draws; more of the recorded ones.
                draws.numbers.extend_from_within(..);
                Client::new(&rules, t0, draws)
            })
            .collect(),
        workers: (0..clients)
            .map(|_| (0..workers).map(|_| Worker::default()).collect())
            .collect(),
        rules,
        events: BinaryHeap::new(),
        scheduled: 0,
        server: (number(&case["server"], "burst"), t0),
        trace: Vec::new(),
        calls: Vec::new(),
    };
    for start in list(&case["starts"]) {
        let [client, worker, at] = [0, 1, 2].map(|i| start[i].as_f64().expect("a number"));
        fleet.at(at, Step::Ready(client as usize, worker as usize));
    }
    let mut end = t0;
    while let Some(Reverse((at, _, step))) = fleet.events.pop() {
        let now = f64::from_bits(at);
        fleet.step(now, step);
        end = fleet.calls.last().map_or(end, |c| c.0);
    }
    let ok = fleet.calls.iter().filter(|c| c.3).count();
    let totals = [
        ("attempts", fleet.trace.len() as f64),
        (
            "throttles",
            fleet.trace.iter().filter(|t| !t.3).count() as f64,
        ),
        ("calls", fleet.calls.len() as f64),
        ("ok_calls", ok as f64),
        ("failed_calls", (fleet.calls.len() - ok) as f64),
        ("end", end),
    ];
    let is_exact = text(case, "mode") != "adaptive" || workers == 1;
    for (name, ours) in totals {
        let theirs = number(&case["totals"], name);
        let rel = if is_exact { 1e-9 } else { 0.05 };
        assert!(close(ours, theirs, rel), "{id}: {name} {ours} for {theirs}");
    }
    if !is_exact {
        return;
    }
    for (i, (ours, theirs)) in fleet.trace.iter().zip(list(&case["trace"])).enumerate() {
        let (sent, client, worker, admitted) = *ours;
        let theirs: Vec<f64> = list(theirs).iter().map(figure).collect();
        let what = format!("{id}: attempt {i} {ours:?} for {theirs:?}");
        assert!(close(sent, theirs[0], 1e-9), "{what}");
        assert_eq!(
            [client, worker],
            [theirs[1] as usize, theirs[2] as usize],
            "{what}"
        );
        assert_eq!(admitted, theirs[3] == 1.0, "{what}");
    }
    for (i, (ours, theirs)) in fleet.calls.iter().zip(list(&case["calls"])).enumerate() {
        let (end, client, worker, ok, attempts) = *ours;
        let theirs: Vec<f64> = list(theirs).iter().map(figure).collect();
        let what = format!("{id}: call {i} {ours:?} for {theirs:?}");
        assert!(close(end, theirs[0], 1e-9), "{what}");
        assert_eq!(
            [client, worker],
            [theirs[1] as usize, theirs[2] as usize],
            "{what}"
        );
        assert_eq!(ok, theirs[3] == 1.0, "{what}");
        assert_eq!(f64::from(attempts), theirs[4], "{what}");
    }
}
