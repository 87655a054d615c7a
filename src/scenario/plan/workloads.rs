//! Workloads: when their requests come, and which requests an arrival makes.

use super::super::access::REQUESTER;
use super::super::operations::MULTIPART_UPLOAD;
use super::super::workload::WorkloadSettings;
use super::builder::PlanBuilder;
use crate::catalog::{self, KmsOperation};
use crate::input::diagnostic::Code;
use crate::model::arrivals::trace::RowActions;
use crate::model::arrivals::{Arrivals, OnFailure, Trace};
use crate::model::retry::Service;
use crate::model::{Action, Kind, Workload};
use crate::units::Span;
use std::collections::HashMap;

impl<'a> PlanBuilder<'a> {
    pub(super) fn workload(&mut self, w: usize, name: &str, s: &'a WorkloadSettings) {
        let default = s.requester.clone().unwrap_or_else(|| REQUESTER.to_owned());
        let mut actions: Vec<Action> = Vec::new();
        for (operation, &weight) in &s.operations {
            let requests = self.requests(w, s, operation, &default);
            actions.push(Action {
                name: operation.clone(),
                weight,
                requests,
            });
        }
        let horizon = self.run.horizon.whole_seconds().unwrap_or(0);
        let start = s.start.whole_seconds().unwrap_or(0);
        let stop = s
            .stop
            .and_then(Span::whole_seconds)
            .unwrap_or(u64::MAX)
            .min(if s.after.is_some() { u64::MAX } else { horizon });
        self.warn_of_rows_beyond(name, s, horizon.saturating_sub(start));
        let kind = match &s.arrivals {
            Arrivals::Job(job) => Kind::Job {
                workers: job.workers,
                objects: job.objects,
                think: job.think_time.distribution(),
                start: s.start.as_ns(),
                every: job.every.and_then(Span::whole_seconds),
                within: job.within.map_or(0, Span::as_ns),
                batch_operations: job.batch_operations,
                on_failure: job.on_failure,
            },
            Arrivals::Trace(trace) => Kind::Trace {
                trace: trace.clone(),
                actions: self.row_actions(w, s, trace, &default, &mut actions),
                start,
                // It is done after its last row, where another workload may be waiting for that.
                stop: if trace.repeat {
                    stop
                } else {
                    stop.min(start.saturating_add(trace.seconds()))
                },
            },
            Arrivals::Open(arrivals) => Kind::Open {
                arrivals: arrivals.clone(),
                start,
                stop,
            },
        };
        if let Arrivals::Job(job) = &s.arrivals
            && job.batch_operations
        {
            self.is_for_batch_operations(name, s);
        }
        let client_cache = self.client_cache(w);
        let index_of = |name: &Option<String>| {
            name.as_ref()
                .and_then(|n| self.scenario.workload.get_index_of(n))
        };
        for (key, reference) in [("after", &s.after), ("reads", &s.reads)] {
            if let Some(other) = reference
                && index_of(reference).is_none()
            {
                self.fault(
                    &s.place,
                    Code::UnknownName,
                    format!("`workload.{name}.{key}` names `{other}`, which is switched off here"),
                    "switch it on, or drop the reference",
                );
            }
        }
        if let Some(writer) = s.reads.as_ref().and_then(|n| self.scenario.workload.get(n)) {
            if !matches!(writer.arrivals, Arrivals::Job(_)) {
                self.fault(&s.place, Code::Contradiction, format!("`workload.{name}` reads from a workload that is not a job, so its objects are not numbered"), "give the writer a `job`");
            } else if writer.bucket.as_ref() != s.copy_source.as_ref().or(s.bucket.as_ref()) {
                self.fault(
                    &s.place,
                    Code::Contradiction,
                    format!(
                        "`workload.{name}` reads from a bucket that its writer does not write to"
                    ),
                    "give both the same `bucket`",
                );
            }
        }
        let is_read = self.read.contains(name);
        let service = if s.bucket.is_some() {
            Service::S3
        } else {
            Service::Kms
        };
        self.workloads.push(Workload {
            name: name.to_owned(),
            kind,
            actions,
            fails_uploads: s.on_failure == OnFailure::FailUpload,
            clients: s.clients,
            retry: s
                .retry
                .policy(service, self.scenario.assumption.retry_after),
            client_lifetime: s.client_lifetime,
            after: index_of(&s.after),
            popularity: s.popularity.popularity(),
            reads: index_of(&s.reads),
            is_read,
            size: s.message_size.size(),
            client_cache,
        });
    }

    /// S3 Batch Operations runs only some operations, and nothing but S3's.
    fn is_for_batch_operations(&self, name: &str, s: &WorkloadSettings) {
        let runs = |operation: &&String| {
            let row = catalog::s3_operation(operation);
            s.bucket.is_some() && row.is_some_and(|row| row.batch_operations)
        };
        if let Some(other) = s.operations.keys().find(|o| !runs(o)) {
            let rows = catalog::s3_operations()
                .iter()
                .filter(|o| o.batch_operations);
            let known: Vec<&str> = rows.map(|o| o.id.as_str()).collect();
            self.fault(
                &s.place,
                Code::ImpossibleOperation,
                format!("S3 Batch Operations has no {other}, which `workload.{name}` asks for"),
                format!(
                    "drop `batch_operations`, or name one of {}",
                    known.join(", ")
                ),
            );
        }
    }

    /// The requests that one arrival of an operation makes.
    pub(super) fn requests(
        &mut self,
        w: usize,
        s: &'a WorkloadSettings,
        operation: &str,
        requester: &str,
    ) -> Vec<(usize, u32)> {
        let steps = if s.bucket.is_some() && operation == MULTIPART_UPLOAD {
            vec![
                ("CreateMultipartUpload", 1),
                ("UploadPart", s.parts),
                ("CompleteMultipartUpload", 1),
            ]
        } else {
            vec![(operation, 1)]
        };
        let mut requests = Vec::new();
        for (operation, n) in steps {
            let class = self.class(w, s, operation, requester);
            let denied = self.classes[class].denial.is_some();
            let tries = if denied { s.requests_when_denied } else { 1 };
            requests.push((class, n * tries));
            // Whoever was denied an upload has no parts to send.
            if denied {
                break;
            }
        }
        requests
    }

    /// Says how many rows of a trace the horizon leaves out; what `stop` leaves out was asked for.
    fn warn_of_rows_beyond(&self, name: &str, s: &WorkloadSettings, left: u64) {
        let Arrivals::Trace(trace) = &s.arrivals else {
            return;
        };
        let beyond = trace.rows_beyond(left);
        if beyond > 0 && s.stop.is_none() && !trace.repeat {
            let all = trace.recording.rows.len();
            let needed = Span::from_secs(s.start.whole_seconds().unwrap_or(0) + trace.seconds());
            self.warn(
                &s.place,
                format!(
                    "workload `{name}`: {beyond} of the {all} rows of `{}` lie beyond the horizon ({}) and are left out; a `horizon` of {needed} holds all of them",
                    trace.file, self.run.horizon
                ),
            );
        }
    }

    /// The actions of a trace's rows, added to those of the mix.
    pub(super) fn row_actions(
        &mut self,
        w: usize,
        s: &'a WorkloadSettings,
        trace: &Trace,
        default: &str,
        actions: &mut Vec<Action>,
    ) -> RowActions {
        let recording = &trace.recording;
        let mut row_actions = RowActions::default();
        let mix: Vec<String> = actions.iter().map(|a| a.name.clone()).collect();
        let numbered = actions.iter().enumerate();
        let mut known_actions: HashMap<String, usize> =
            numbered.map(|(i, a)| (a.name.clone(), i)).collect();
        for kind in &recording.kinds {
            let requester = kind.requester.map(|r| &recording.requesters[r as usize]);
            let who = requester.map_or(default, String::as_str);
            // A row that does not say what was asked for is drawn from the mix.
            let names = match kind.operation {
                Some(o) => vec![recording.operations[o as usize].clone()],
                None => mix.clone(),
            };
            let mut of_rows = Vec::new();
            for operation in names {
                let (known, kind) = if let Some(service) = &s.service {
                    let known = service.row.operation(&operation).is_some();
                    (known, format!("an operation of {}", service.row.name))
                } else if s.bucket.is_some() {
                    let is_s3 = catalog::s3_operation(&operation).is_some();
                    let kind = "an S3 operation (PutObject, GetObject, …)".to_owned();
                    (operation == MULTIPART_UPLOAD || is_s3, kind)
                } else {
                    let is_kms = operation.parse::<KmsOperation>().is_ok();
                    (is_kms, "a KMS operation (Decrypt, …)".to_owned())
                };
                if !known {
                    self.fault(
                        &s.place,
                        Code::BadTraceRow,
                        format!("the trace's operation `{operation}` is not {kind}"),
                        "`kmsim catalog` lists the operations; rename it in the trace",
                    );
                    continue;
                }
                let name = match requester {
                    None => operation.clone(),
                    Some(_) => format!("{operation} by {who}"),
                };
                let index = known_actions.get(&name).copied();
                let index = index.unwrap_or_else(|| {
                    let requests = self.requests(w, s, &operation, who);
                    known_actions.insert(name.clone(), actions.len());
                    actions.push(Action {
                        name,
                        weight: 0.0,
                        requests,
                    });
                    actions.len() - 1
                });
                of_rows.push(index as u32);
            }
            row_actions.push(of_rows);
        }
        row_actions
    }
}
