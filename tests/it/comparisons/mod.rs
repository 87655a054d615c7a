//! Each key of the scenario language that changes a number is in a comparison: with a formula, with figures worked out by hand or
//! published, or with a simulator that is not ours or not the engine's.
//!
//! [`rows`] names the comparison of each key. A new key takes one name in one row: of a test here, or elsewhere in `tests/`. A key
//! without a comparison fails, and so does one whose test does not exist or writes down no such key.

mod accounts;
mod arrivals;
mod caches;
mod limits;
mod operations;
mod retries;
mod simulator;

use kmsim::catalog::retry_profiles;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What a key is held against.
enum Held {
    /// A test, by its path below `tests/it`.
    Against(&'static str),
    /// Nothing: it changes no number, for this reason.
    ByNothing(&'static str),
}

use Held::{Against, ByNothing};

/// The comparisons, and the keys that each of them would find out.
///
/// `retry.PROFILE` is any profile, `retry.KIND` both `fixed` and `exponential`, which one function reads; what holds for `retry`
/// holds for `workload.NAME.retry`. `OPERATION` is any that the tests of the row write down.
#[rustfmt::skip]
fn rows() -> Vec<(Held, &'static [&'static str])> {
    vec![
        (ByNothing("which random numbers are drawn: whatever it is, all means are the same"), &["seed"]),
        (ByNothing("judges a number, and changes none"), &["threshold.NAME"]),
        (ByNothing("AWS gives both kinds of key store the same quota"), &["key_store.NAME.kind"]),
        // When requests come.
        (Against("comparisons::arrivals::evenly_spaced_arrivals_are_counted_exactly"), &[
            "horizon", "warm_up", "replications", "workload.NAME.start", "workload.NAME.stop", "workload.NAME.growth",
            "workload.NAME.enabled", "workload.NAME.arrivals.constant.rate",
        ]),
        (Against("comparisons::arrivals::poisson_arrivals_have_their_mean_as_variance"), &["workload.NAME.arrivals.poisson.rate"]),
        (Against("comparisons::arrivals::a_piecewise_linear_curve_is_the_area_below_it"), &[
            "workload.NAME.arrivals.piecewise-linear.points[].at", "workload.NAME.arrivals.piecewise-linear.points[].rate",
            "workload.NAME.arrivals.piecewise-linear.every",
        ]),
        (Against("comparisons::arrivals::a_flash_crowd_rises_in_a_line_and_decays_by_its_time_constant"), &[
            "workload.NAME.arrivals.flash-crowd.base", "workload.NAME.arrivals.flash-crowd.peak",
            "workload.NAME.arrivals.flash-crowd.at", "workload.NAME.arrivals.flash-crowd.rise",
            "workload.NAME.arrivals.flash-crowd.decay",
        ]),
        (Against("comparisons::arrivals::a_day_has_its_peak_where_it_is_written_and_its_mean"), &[
            "workload.NAME.arrivals.diurnal.mean", "workload.NAME.arrivals.diurnal.peak",
            "workload.NAME.arrivals.diurnal.peak_at", "workload.NAME.arrivals.diurnal.weekly", "start",
        ]),
        (Against("comparisons::arrivals::switched_arrivals_are_as_uneven_as_their_periods_are_long"), &[
            "workload.NAME.arrivals.on-off.on", "workload.NAME.arrivals.on-off.off",
            "workload.NAME.arrivals.on-off.mean_on", "workload.NAME.arrivals.on-off.mean_off",
        ]),
        (Against("comparisons::arrivals::rows_of_a_trace_come_when_they_say"), &[
            "workload.NAME.trace.file", "workload.NAME.trace.time_scale", "workload.NAME.trace.time_unit",
            "workload.NAME.trace.rate_scale", "workload.NAME.trace.repeat",
        ]),
        (Against("comparisons::arrivals::counted_rows_are_spread_over_their_period"), &[
            "workload.NAME.trace.count", "workload.NAME.trace.period", "workload.NAME.trace.dispersion",
        ]),
        (Against("money::with_a_date_months_are_those_of_the_calendar"), &["start"]),
        // Jobs.
        (Against("law::a_paced_job_keeps_its_turns"), &[
            "workload.NAME.job.every", "workload.NAME.job.within", "workload.NAME.job.objects", "workload.NAME.after",
        ]),
        (Against("theory::a_jobs_objects_go_to_whoever_is_free_first"), &[
            "workload.NAME.job.workers", "workload.NAME.job.think_time.lognormal.median",
            "workload.NAME.job.think_time.lognormal.sigma", "assumption.s3_latency.lognormal.median",
            "assumption.s3_latency.lognormal.sigma",
        ]),
        (Against("theory::a_job_takes_as_long_as_its_calls"), &[
            "assumption.kms_latency.lognormal.median", "assumption.kms_latency.lognormal.sigma",
        ]),
        (Against("comparisons::arrivals::workers_pause_between_their_requests"), &[
            "workload.NAME.job.think_time.constant.value", "workload.NAME.job.workers", "workload.NAME.job.objects",
        ]),
        (Against("retry::what_fails_with_a_part_is_as_the_scenario_says"), &["workload.NAME.job.on_failure", "workload.NAME.parts"]),
        (Against("uploads::uploads_that_fail_as_a_whole_agree_with_a_second_simulator"), &["workload.NAME.on_failure"]),
        (Against("money::a_nightly_job_has_a_monthly_cost"), &["workload.NAME.job.batch_operations"]),
        // Quotas.
        (Against("comparisons::limits::a_quota_is_of_its_account_region_and_code"), &[
            "quota.NAME.account", "quota.NAME.region", "quota.NAME.code", "quota.NAME.store", "quota.NAME.limit",
            "quota.NAME.changes[].at", "quota.NAME.changes[].limit", "key_store.NAME.account", "key_store.NAME.region",
            "key.NAME.key_store", "key.NAME.account", "key.NAME.region", "requester.NAME.account", "workload.NAME.key",
            "workload.NAME.requester",
        ]),
        (Against("comparisons::limits::limiters_admit_what_their_rules_say"), &[
            "quota.NAME.limiter.fixed-window", "quota.NAME.limiter.sliding-window", "quota.NAME.limiter.token-bucket.burst",
        ]),
        (Against("theory::a_token_bucket_throttles_as_the_vectors_say"), &["quota.NAME.limiter.token-bucket.burst"]),
        (Against("comparisons::limits::keys_of_each_kind_share_their_quota"), &["key.NAME.spec"]),
        (Against("comparisons::limits::data_key_pairs_have_the_quota_of_their_kind"), &["workload.NAME.key_pair_spec"]),
        (Against("request_rates::reads_over_a_prefix_s_rate_are_refused_unbilled_and_call_no_kms"), &["bucket.NAME.prefixes"]),
        (Against("request_rates::a_workload_may_have_prefixes_of_its_own"), &["workload.NAME.prefixes"]),
        (Against("comparisons::limits::refused_attempts_are_billed_logged_and_measured_as_assumed"), &[
            "assumption.throttled_attempts_billed", "assumption.throttled_attempts_logged",
            "assumption.throttled_attempts_in_call_count", "account.NAME.trail_copies",
        ]),
        (Against("comparisons::limits::a_refused_attempt_is_answered_after_its_own_time"), &[
            "assumption.throttled_latency.constant.value", "assumption.throttled_latency.lognormal.median",
            "assumption.throttled_latency.lognormal.sigma",
        ]),
        (Against("comparisons::limits::denied_calls_draw_on_the_quota_as_assumed"), &[
            "assumption.denied_calls_consume_quota", "workload.NAME.requests_when_denied",
        ]),
        // Retries.
        (Against("comparisons::retries::each_profile_makes_as_many_attempts_as_it_may"), &[
            "retry.PROFILE.max_attempts", "retry.fixed.max_attempts", "retry.exponential.max_attempts", "retry.none",
        ]),
        (Against("comparisons::retries::clients_share_a_retry_quota_where_they_are_told_to"), &[
            "retry.PROFILE.retry_quota.shared", "retry.KIND.retry_quota.shared", "retry.KIND.retry_quota.capacity",
            "retry.KIND.retry_quota.throttling_cost", "retry.KIND.retry_token_bucket.shared",
            "retry.KIND.retry_token_bucket.capacity", "workload.NAME.clients",
        ]),
        (Against("comparisons::retries::successes_give_back_what_is_written"), &[
            "retry.KIND.retry_quota.success_refund", "retry.KIND.retry_token_bucket.success_deposit",
        ]),
        (Against("comparisons::retries::waits_are_drawn_as_their_jitter_says"), &["retry.exponential.jitter"]),
        (Against("comparisons::retries::waits_double_up_to_their_cap"), &[
            "retry.exponential.initial_backoff", "retry.exponential.max_backoff", "retry.fixed.delay",
        ]),
        (Against("comparisons::retries::what_shows_its_status_alone_has_its_own_wait_and_cost"), &[
            "retry.fixed.transient_delay", "retry.exponential.transient_initial_backoff", "retry.KIND.retry_quota.transient_cost",
        ]),
        (Against("law::a_second_simulator_agrees_to_the_digit"), &[
            "retry.exponential.transient_initial_backoff", "retry.exponential.jitter", "workload.NAME.bucket",
        ]),
        (Against("retry::a_circuit_breaker_opens_and_tries_again"), &[
            "retry.KIND.circuit_breaker.open_time", "retry.KIND.circuit_breaker.failure_threshold",
            "retry.KIND.circuit_breaker.window", "retry.KIND.circuit_breaker.blocks",
        ]),
        (Against("retry::a_send_brake_lets_requests_wait"), &[
            "retry.KIND.send_brake.hold_time", "retry.KIND.send_brake.refused_threshold", "retry.KIND.send_brake.window",
        ]),
        (Against("retry::clients_that_are_replaced_begin_with_full_retry_quotas"), &[
            "workload.NAME.client_lifetime.requests", "workload.NAME.client_lifetime.time",
        ]),
        (Against("retry::a_server_may_ask_clients_to_wait"), &["assumption.retry_after"]),
        // Many of them at once, in a second simulator.
        (Against("comparisons::simulator::guards_meet_under_one_quota"), &[
            "workload.NAME.arrivals.piecewise-linear.points[].rate", "workload.NAME.arrivals.flash-crowd.peak",
            "workload.NAME.arrivals.flash-crowd.decay", "quota.NAME.limiter.fixed-window", "quota.NAME.limiter.sliding-window",
            "quota.NAME.limiter.token-bucket.burst", "quota.NAME.changes[].limit", "workload.NAME.clients",
            "retry.exponential.jitter", "retry.exponential.max_backoff", "retry.KIND.retry_quota.capacity",
            "retry.KIND.retry_token_bucket.success_deposit", "retry.KIND.circuit_breaker.blocks",
            "retry.KIND.circuit_breaker.window", "retry.KIND.send_brake.hold_time", "retry.KIND.send_brake.refused_threshold",
        ]),
        (Against("comparisons::simulator::caches_and_jobs_meet_under_one_quota"), &[
            "assumption.bucket_key_lifetime", "assumption.bucket_key_fanout", "assumption.bucket_key_renewal",
            "bucket.NAME.archived_bucket_keys", "bucket.NAME.older_objects", "workload.NAME.popularity.zipf.exponent",
            "workload.NAME.job.workers", "workload.NAME.job.think_time.lognormal.median", "workload.NAME.data_key_cache.max_age",
            "workload.NAME.data_key_cache.max_messages", "workload.NAME.data_key_cache.capacity",
        ]),
        (Against("comparisons::simulator::the_limits_of_s3_and_kms_meet"), &[
            "bucket.NAME.prefixes", "retry.exponential.transient_initial_backoff", "retry.KIND.retry_quota.transient_cost",
            "retry.KIND.retry_quota.throttling_cost",
        ]),
        // Operations.
        (Against("comparisons::operations::each_operation_calls_kms_as_aws_documents"), &[
            "workload.NAME.operations.OPERATION", "bucket.NAME.encryption", "bucket.NAME.key", "assumption.dsse_kms_calls",
        ]),
        (Against("comparisons::operations::each_service_calls_kms_as_it_is_documented"), &[
            "workload.NAME.operations.OPERATION", "workload.NAME.service.name",
        ]),
        (Against("comparisons::limits::each_operation_has_the_quota_that_aws_documents"), &["workload.NAME.operations.OPERATION"]),
        (Against("comparisons::limits::keys_of_each_kind_share_their_quota"), &["workload.NAME.operations.OPERATION"]),
        (Against("comparisons::limits::data_key_pairs_have_the_quota_of_their_kind"), &["workload.NAME.operations.OPERATION"]),
        (Against("money::transitions_cost_what_their_target_asks"), &["workload.NAME.operations.OPERATION", "workload.NAME.transition_to"]),
        (Against("money::requests_cost_what_their_storage_class_asks"), &["workload.NAME.storage_class"]),
        (Against("comparisons::operations::headers_and_sources_decide_by_themselves"), &[
            "workload.NAME.encryption_header", "workload.NAME.encryption_header_key", "workload.NAME.copy_source",
        ]),
        // Other services.
        (Against("services::a_data_key_that_is_reused_for_a_period_is_fetched_at_k_over_t_plus_k_over_lambda"), &[
            "workload.NAME.service.callers", "workload.NAME.service.data_key_reuse_period", "workload.NAME.service.renewal",
        ]),
        (Against("services::a_connection_for_each_request_calls_kms_each_time"), &["workload.NAME.service.requests_per_connection"]),
        (Against("services::a_service_calls_for_whoever_asks_it"), &["workload.NAME.service.resource"]),
        // Bucket keys.
        (Against("comparisons::caches::bucket_keys_are_counted_exactly"), &[
            "bucket.NAME.bucket_key", "bucket.NAME.bucket_key_since", "bucket.NAME.older_objects",
            "bucket.NAME.archived_bucket_keys", "assumption.bucket_key_fanout", "assumption.bucket_key_lifetime",
            "assumption.bucket_key_renewal", "workload.NAME.object",
        ]),
        (Against("theory::a_cache_with_a_lifetime_misses_at_lambda_over_one_plus_lambda_t"), &["assumption.bucket_key_lifetime"]),
        (Against("comparisons::caches::who_reads_what_was_written_needs_its_bucket_keys"), &[
            "workload.NAME.reads", "assumption.bucket_key_write_lifetime",
        ]),
        (Against("comparisons::caches::popular_objects_meet_few_bucket_keys"), &[
            "workload.NAME.popularity.zipf.objects", "workload.NAME.popularity.zipf.exponent",
            "workload.NAME.popularity.uniform.objects",
        ]),
        (Against("comparisons::caches::a_lake_meets_its_bucket_keys_again_and_again"), &["bucket.NAME.archived_bucket_keys"]),
        (Against("comparisons::limits::a_fraction_of_a_quota_is_no_call"), &["quota.NAME.limit"]),
        (Against("comparisons::limits::what_is_measured_lies_between_warm_up_and_horizon"), &["horizon", "warm_up"]),
        (Against("comparisons::limits::a_signer_meets_the_quota_of_its_curve"), &["key.NAME.spec"]),
        (Against("comparisons::caches::an_archives_age_decides_how_many_bucket_keys_are_met"), &[
            "bucket.NAME.archive_age.lognormal.median", "bucket.NAME.archive_age.lognormal.sigma",
            "bucket.NAME.archive_age.uniform.longest",
        ]),
        (Against("bucket_keys::a_share_of_older_objects_that_falls_is_counted_as_it_is_simulated"), &[
            "bucket.NAME.older_objects_half_life", "bucket.NAME.older_objects_rewritten_in",
        ]),
        (Against("bucket_keys::sessions_of_a_role_share_a_bucket_key_since_2023"), &[
            "assumption.bucket_key_requester", "requester.NAME.sessions",
        ]),
        (Against("comparisons::accounts::who_shares_a_role_and_a_policy_shares_bucket_keys"), &[
            "requester.NAME.role", "requester.NAME.session_policy",
        ]),
        (Against("bucket_keys::fetches_for_each_expiry_in_closed_form"), &[
            "assumption.bucket_key_single_flight", "assumption.kms_latency.constant.value",
        ]),
        (Against("bucket_keys::a_multipart_upload_has_its_bucket_key_verified"), &[
            "assumption.bucket_key_verification", "workload.NAME.parts",
        ]),
        (Against("bucket_keys::a_header_overrides_the_bucket"), &["workload.NAME.bucket_key_header"]),
        (Against("bucket_keys::directory_buckets_call_kms_for_sessions_only"), &["bucket.NAME.kind"]),
        (Against("law::a_paced_job_keeps_its_turns"), &["assumption.s3_latency.constant.value"]),
        // Caches of clients.
        (Against("comparisons::caches::a_data_key_encrypts_so_many_bytes"), &[
            "workload.NAME.data_key_cache.max_bytes", "workload.NAME.data_key_cache.algorithm_suite",
            "workload.NAME.message_size.constant.value", "workload.NAME.message_size.unknown",
        ]),
        (Against("comparisons::caches::a_data_key_encrypts_so_many_bytes_of_drawn_sizes"), &[
            "workload.NAME.message_size.lognormal.median", "workload.NAME.message_size.lognormal.sigma",
        ]),
        (Against("comparisons::caches::over_its_capacity_a_cache_drops_what_its_sdk_drops"), &[
            "workload.NAME.data_key_cache.capacity", "workload.NAME.data_key_cache.sdk",
            "workload.NAME.branch_key_cache.cache.default.capacity", "workload.NAME.branch_key_cache.cache.multi-threaded.capacity",
            "workload.NAME.branch_key_cache.cache.storm-tracking.capacity",
        ]),
        (Against("comparisons::caches::an_entry_serves_to_its_age"), &[
            "workload.NAME.data_key_cache.max_age", "workload.NAME.data_key_cache.max_messages", "workload.NAME.branch_key_cache.ttl",
        ]),
        (Against("theory::a_data_key_serves_as_many_messages_as_it_may"), &["workload.NAME.data_key_cache.max_messages"]),
        (Against("comparisons::caches::who_shares_a_cache_asks_once"), &[
            "workload.NAME.data_key_cache.scope.client", "workload.NAME.data_key_cache.scope.process.clients",
            "workload.NAME.data_key_cache.scope.invocation.messages", "workload.NAME.branch_key_cache.scope.client",
            "workload.NAME.branch_key_cache.scope.process.clients", "workload.NAME.branch_key_cache.scope.invocation.messages",
        ]),
        (Against("comparisons::caches::caches_of_another_workload_are_shared_by_partition"), &[
            "workload.NAME.data_key_cache.shared_with", "workload.NAME.data_key_cache.partition",
            "workload.NAME.branch_key_cache.shared_with", "workload.NAME.branch_key_cache.partition",
        ]),
        (Against("comparisons::caches::versions_of_branch_keys_are_decrypted_one_by_one"), &[
            "workload.NAME.branch_key_cache.decryption.versions",
        ]),
        (Against("comparisons::caches::a_storm_tracker_lets_messages_wait_for_one_fetch"), &[
            "workload.NAME.branch_key_cache.cache.storm-tracking.fan_out",
            "workload.NAME.branch_key_cache.cache.storm-tracking.grace_interval",
            "workload.NAME.branch_key_cache.cache.storm-tracking.in_flight_ttl",
            "workload.NAME.branch_key_cache.cache.storm-tracking.sleep",
        ]),
        (Against("comparisons::caches::a_storm_tracker_renews_entries_in_their_grace_period"), &[
            "workload.NAME.branch_key_cache.cache.storm-tracking.grace_period",
        ]),
        (Against("bucket_keys::a_throttled_fetch_of_a_data_key_is_one_flight"), &["workload.NAME.data_key_cache.single_flight"]),
        (Against("theory::a_fleet_asks_for_each_data_key_with_nearly_every_client"), &[
            "workload.NAME.encrypted_by.producers", "workload.NAME.encrypted_by.messages_per_data_key",
            "workload.NAME.encrypted_by.read_by",
        ]),
        // Who may, who pays, what it costs.
        (Against("comparisons::accounts::every_request_has_the_fate_of_its_policies"), &[
            "account.NAME.id", "account.NAME.service_control_policies", "account.NAME.resource_control_policies",
            "account.NAME.full_aws_access", "account.NAME.management_account", "account.NAME.organizational_unit",
            "organizational_unit.NAME.parent", "organizational_unit.NAME.service_control_policies",
            "organizational_unit.NAME.resource_control_policies", "organizational_unit.NAME.full_aws_access",
            "bucket.NAME.policy", "key.NAME.policy", "key.NAME.id", "key.NAME.aliases", "requester.NAME.identity_policies",
            "requester.NAME.permissions_boundary", "requester.NAME.session_policy_document", "requester.NAME.principal",
            "workload.NAME.tls", "workload.NAME.context", "workload.NAME.object", "assumption.encryption_condition", "start",
        ]),
        (Against("comparisons::accounts::whose_key_it_is_decides_who_may_and_what_it_costs"), &["key.NAME.managed_by", "key.NAME.service"]),
        (Against("comparisons::accounts::each_account_pays_for_its_own"), &[
            "account.NAME.organization", "bucket.NAME.account", "key.NAME.account", "requester.NAME.account",
        ]),
        (Against("comparisons::accounts::things_lie_in_their_region_and_cost_what_is_written"), &[
            "region", "account.NAME.region", "bucket.NAME.region", "key.NAME.region", "price.NAME.usd", "price.NAME.per",
            "price.NAME.region",
        ]),
        (Against("bucket_keys::a_disabled_key_or_a_revoked_permission_takes_effect_when_the_bucket_key_expires"), &[
            "key.NAME.disabled_at", "requester.NAME.access_revoked_at",
        ]),
        (Against("access::a_key_that_is_disabled_or_pending_deletion_fails_what_calls_it"), &["key.NAME.pending_deletion_at"]),
        (Against("access::a_key_policy_that_is_replaced_denies_until_it_is_mended"), &[
            "key.NAME.policy_changes[].at", "key.NAME.policy_changes[].policy",
        ]),
        (Against("cloudtrail::the_short_form_is_short_for_trails"), &[
            "account.NAME.trail_copies", "account.NAME.trail_kms_events", "account.NAME.trail_events", "account.NAME.trail_data_copies",
        ]),
        (Against("cloudtrail::a_second_trail_that_excludes_kms_costs_nothing"), &[
            "trail.NAME.regions", "trail.NAME.copies", "trail.NAME.events", "trail.NAME.kms_events",
        ]),
        (Against("cloudtrail::data_events_are_selected_by_kind_and_bucket"), &["trail.NAME.data_events", "trail.NAME.data_buckets"]),
        (Against("comparisons::accounts::trails_are_of_their_account"), &["trail.NAME.account"]),
        (Against("comparisons::accounts::log_groups_call_kms_stream_by_stream"), &[
            "log_group.NAME.account", "log_group.NAME.region", "log_group.NAME.key", "log_group.NAME.associated_at",
            "log_group.NAME.log_streams", "log_group.NAME.incoming_bytes_per_second", "log_group.NAME.queries",
            "log_group.NAME.data_keys_per_query", "assumption.log_group_association_delay",
            "assumption.log_stream_data_key_lifetime",
        ]),
        // Many things at once.
        (Against("comparisons::accounts::what_is_like_another_does_what_that_does"), &[
            "bucket.NAME.like", "key.NAME.like", "workload.NAME.like", "requester.NAME.like", "log_group.NAME.like",
            "buckets.file", "keys.file", "workloads.file", "requesters.file", "log_groups.file", "group.NAME.buckets",
            "group.NAME.keys", "group.NAME.workloads", "group.NAME.requesters", "group.NAME.log_groups", "group.NAME.except",
        ]),
        (Against("fleet::a_group_is_the_sum_of_what_it_gathers_each_once"), &["group.NAME.except"]),
        (Against("comparisons::accounts::a_variant_extends_others_in_their_order"), &["variant.NAME.extends"]),
    ]
}

/// The name under which a key stands in [`rows`].
fn folded(key: &str) -> String {
    let key = key
        .strip_prefix("workload.NAME.")
        .filter(|k| k.starts_with("retry."))
        .unwrap_or(key);
    let Some(inside) = key.strip_prefix("retry.") else {
        return key.to_owned();
    };
    let names = retry_profiles()
        .iter()
        .flat_map(|p| p.aliases.iter().chain([&p.id]));
    if let Some(rest) = names
        .filter_map(|n| inside.strip_prefix(&format!("{n}.")))
        .next()
    {
        return format!("retry.PROFILE.{rest}");
    }
    match inside.split_once('.') {
        Some(("fixed" | "exponential", rest)) if rest.contains('.') => format!("retry.KIND.{rest}"),
        _ => key.to_owned(),
    }
}

/// What a file of tests has at its outermost level, by name: its source.
fn items(file: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let mut items: BTreeMap<String, String> = BTreeMap::new();
    let mut present = String::new();
    // A `#[test]` is the item's that follows.
    let mut is_test = false;
    for line in text.lines() {
        let words = line
            .strip_prefix("pub ")
            .or_else(|| line.strip_prefix("pub(super) "))
            .unwrap_or(line);
        let starts = [
            "fn ", "const ", "static ", "struct ", "impl ", "enum ", "type ", "use ", "mod ",
        ];
        if let Some(rest) = starts.iter().find_map(|s| words.strip_prefix(s)) {
            present = rest
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap_or_default()
                .to_owned();
            if is_test {
                items
                    .entry(present.clone())
                    .or_default()
                    .push_str("#[test]\n");
            }
            is_test = false;
        }
        is_test |= line == "#[test]";
        let item = items.entry(present.clone()).or_default();
        // As the scenario has it.
        item.push_str(&line.replace("\\n", "\n"));
        item.push('\n');
    }
    items
}

/// Words of scenario keys in a text.
fn words(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
    words.collect()
}

/// The source of a test and of all that it names in its file; `None` where there is no such test.
fn source(test: &str) -> Option<String> {
    let (module, name) = test.rsplit_once("::")?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let items = items(&root.join(format!("{}.rs", module.replace("::", "/"))));
    items.get(name).filter(|item| item.starts_with("#[test]"))?;
    let (mut found, mut due) = (BTreeSet::from([name]), vec![name]);
    let mut source = String::new();
    while let Some(name) = due.pop() {
        source.push_str(&items[name]);
        for word in items[name].split(|c: char| !c.is_alphanumeric() && c != '_') {
            if let Some((item, _)) = items.get_key_value(word)
                && found.insert(item)
            {
                due.push(item);
            }
        }
    }
    Some(source)
}

/// The words that a test of a key must write down.
fn parts(key: &str) -> impl Iterator<Item = &str> {
    let parts = key.split('.').map(|part| part.trim_end_matches("[]"));
    parts.filter(|part| !["NAME", "PROFILE", "KIND"].contains(part))
}

#[test]
fn every_key_that_changes_a_number_is_compared() {
    let known: BTreeSet<String> = kmsim::scenario::keys()
        .iter()
        .map(|key| folded(key))
        .collect();
    let (mut held, mut of_operations, mut failures) =
        (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for (against, keys) in rows() {
        let source = match &against {
            Against(test) => {
                let source = source(test);
                if source.is_none() {
                    failures.push(format!("there is no test `{test}`"));
                }
                source
            }
            ByNothing(reason) => {
                assert!(reason.contains(' '), "{keys:?}: {reason}");
                None
            }
        };
        let source = source.as_deref().map(words);
        for &key in keys {
            if key == "workload.NAME.operations.OPERATION" {
                of_operations.extend(source.iter().flatten().map(|word| (*word).to_owned()));
                continue;
            }
            if !known.contains(key) {
                failures.push(format!("`{key}` has a row, but is not a key (any more)"));
            }
            let missing = |part: &&str| source.as_ref().is_some_and(|words| !words.contains(part));
            let missing: Vec<&str> = parts(key).filter(missing).collect();
            if let (Against(test), false) = (&against, missing.is_empty()) {
                failures.push(format!(
                    "`{test}` does not write down {missing:?} of `{key}`"
                ));
            }
            held.insert(key.to_owned());
        }
    }
    for key in known.difference(&held) {
        let operation = key.strip_prefix("workload.NAME.operations.");
        if !operation.is_some_and(|o| of_operations.contains(o)) {
            failures.push(format!("`{key}` is in no comparison"));
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
