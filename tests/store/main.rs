//! What the store promises, tried on both backends, and what it does when a database goes away.
//!
//! [`PROMISES`] is the list; every function of it runs on SQLite and on PostgreSQL, each time with empty databases.

#[path = "../support/mod.rs"]
mod support;

mod acts;
mod appending;
mod followers;
mod hubs;
mod later;
mod legacy;
mod lists;
mod million;
mod outages;
mod reading;
mod recording;
mod rulings;
mod site;
mod standing;
mod subscribers;
mod sweeping;
mod tables;
mod topic_log;
mod topic_reads;

use site::{Kind, Site};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

type Promise = fn(Site) -> Pin<Box<dyn Future<Output = ()>>>;

const PROMISES: &[(&str, Promise)] = &[
    ("events_are_stored_in_order", |site| Box::pin(appending::events_are_stored_in_order(site))),
    ("calls_are_stored_in_order", |site| Box::pin(appending::calls_are_stored_in_order(site))),
    ("an_event_stored_twice_is_one_row", |site| Box::pin(appending::an_event_stored_twice_is_one_row(site))),
    ("a_duplicate_names_its_original", |site| Box::pin(appending::a_duplicate_names_its_original(site))),
    ("what_does_not_fit_is_cut", |site| Box::pin(appending::what_does_not_fit_is_cut(site))),
    ("a_poison_row_fails_alone", |site| Box::pin(appending::a_poison_row_fails_alone(site))),
    ("concurrent_producers_share_commits", |site| {
        Box::pin(appending::concurrent_producers_share_commits(site))
    }),
    ("ids_start_anew_after_a_truncate", |site| Box::pin(appending::ids_start_anew_after_a_truncate(site))),
    ("close_commits_what_is_queued", |site| Box::pin(appending::close_commits_what_is_queued(site))),
    ("a_writer_that_dies_loses_nothing", |site| Box::pin(outages::a_writer_that_dies_loses_nothing(site))),
    ("a_progress_is_one_transaction", |site| Box::pin(recording::a_progress_is_one_transaction(site))),
    ("a_progress_may_be_repeated", |site| Box::pin(recording::a_progress_may_be_repeated(site))),
    ("effects_follow_one_another", |site| Box::pin(recording::effects_follow_one_another(site))),
    ("earlier_attempts_stay_in_the_journal", |site| {
        Box::pin(recording::earlier_attempts_stay_in_the_journal(site))
    }),
    ("a_status_set_by_hand_stands", |site| Box::pin(recording::a_status_set_by_hand_stands(site))),
    ("a_deleted_row_is_gone_and_its_effect_counts", |site| {
        Box::pin(recording::a_deleted_row_is_gone_and_its_effect_counts(site))
    }),
    ("what_was_read_before_another_had_the_database_is_not_written", |site| {
        Box::pin(recording::what_was_read_before_another_had_the_database_is_not_written(site))
    }),
    ("warnings_and_panics_add_up", |site| Box::pin(recording::warnings_and_panics_add_up(site))),
    ("what_is_found_by_its_key_is_not_searched_for_in_a_table_that_grows", |site| {
        Box::pin(recording::what_is_found_by_its_key_is_not_searched_for_in_a_table_that_grows(site))
    }),
    ("a_sweep_keeps_what_is_pending_or_has_failed", |site| {
        Box::pin(recording::a_sweep_keeps_what_is_pending_or_has_failed(site))
    }),
    ("what_events_leave_goes_with_them", |site| Box::pin(sweeping::what_events_leave_goes_with_them(site))),
    ("a_sweep_is_over_where_nothing_can_be_deleted", |site| {
        Box::pin(sweeping::a_sweep_is_over_where_nothing_can_be_deleted(site))
    }),
    ("rows_of_the_erlang_release_are_kept_as_long_as_ours", |site| {
        Box::pin(sweeping::rows_of_the_erlang_release_are_kept_as_long_as_ours(site))
    }),
    ("a_subscriber_has_its_events_whoever_gave_them", |site| {
        Box::pin(subscribers::a_subscriber_has_its_events_whoever_gave_them(site))
    }),
    ("subscribers_are_found_by_what_people_know_of_them", |site| {
        Box::pin(subscribers::subscribers_are_found_by_what_people_know_of_them(site))
    }),
    ("a_search_goes_on_behind_its_last_row", |site| {
        Box::pin(subscribers::a_search_goes_on_behind_its_last_row(site))
    }),
    ("a_row_that_cannot_be_read_is_shown_with_the_reason", |site| {
        Box::pin(subscribers::a_row_that_cannot_be_read_is_shown_with_the_reason(site))
    }),
    ("a_pause_and_its_audit_line_are_one_transaction", |site| {
        Box::pin(acts::a_pause_and_its_audit_line_are_one_transaction(site))
    }),
    ("what_an_act_changes_is_refused_together_with_its_audit_line", |site| {
        Box::pin(acts::what_an_act_changes_is_refused_together_with_its_audit_line(site))
    }),
    ("the_audit_is_paged_and_no_sweep_touches_it", |site| {
        Box::pin(acts::the_audit_is_paged_and_no_sweep_touches_it(site))
    }),
    ("a_database_of_an_earlier_version_gets_the_new_tables", |site| {
        Box::pin(acts::a_database_of_an_earlier_version_gets_the_new_tables(site))
    }),
    ("a_retry_is_a_new_attempt_and_is_recorded_once", |site| {
        Box::pin(rulings::a_retry_is_a_new_attempt_and_is_recorded_once(site))
    }),
    ("a_resolved_event_is_ignored_and_says_why", |site| {
        Box::pin(rulings::a_resolved_event_is_ignored_and_says_why(site))
    }),
    ("the_end_of_an_alarm_is_written_with_the_resolution_of_what_had_failed", |site| {
        Box::pin(rulings::the_end_of_an_alarm_is_written_with_the_resolution_of_what_had_failed(site))
    }),
    ("an_event_that_ends_while_it_is_resolved_hands_on_what_it_has_done", |site| {
        Box::pin(rulings::an_event_that_ends_while_it_is_resolved_hands_on_what_it_has_done(site))
    }),
    ("a_row_that_the_erlang_release_left_pending_is_retried_as_ours", |site| {
        Box::pin(rulings::a_row_that_the_erlang_release_left_pending_is_retried_as_ours(site))
    }),
    ("what_came_later_is_found_along_an_index_and_read_in_parts", |site| {
        Box::pin(later::what_came_later_is_found_along_an_index_and_read_in_parts(site))
    }),
    ("lists_are_filtered_and_paged", |site| Box::pin(lists::lists_are_filtered_and_paged(site))),
    ("pages_together_are_the_list", |site| Box::pin(lists::pages_together_are_the_list(site))),
    ("rows_out_of_order_of_time_are_found_by_their_time", |site| {
        Box::pin(lists::rows_out_of_order_of_time_are_found_by_their_time(site))
    }),
    ("a_list_without_its_indexes_is_the_same", |site| {
        Box::pin(lists::a_list_without_its_indexes_is_the_same(site))
    }),
    ("a_large_table_of_an_earlier_version_gets_its_indexes", |site| {
        Box::pin(lists::a_large_table_of_an_earlier_version_gets_its_indexes(site))
    }),
    ("failures_are_grouped_by_what_went_wrong", |site| {
        Box::pin(lists::failures_are_grouped_by_what_went_wrong(site))
    }),
    ("what_changes_is_told_and_its_lines_are_read", |site| {
        Box::pin(reading::what_changes_is_told_and_its_lines_are_read(site))
    }),
    ("counts_tell_ours_from_others", |site| Box::pin(reading::counts_tell_ours_from_others(site))),
    ("the_latest_uuids_come_back", |site| Box::pin(reading::the_latest_uuids_come_back(site))),
    ("the_last_notification_of_a_server_is_found", |site| {
        Box::pin(reading::the_last_notification_of_a_server_is_found(site))
    }),
    ("unreadable_subscribers_are_named", |site| Box::pin(reading::unreadable_subscribers_are_named(site))),
    ("limits_are_those_of_the_columns", |site| Box::pin(reading::limits_are_those_of_the_columns(site))),
    ("tables_of_the_erlang_release_are_taken_over", |site| {
        Box::pin(legacy::tables_of_the_erlang_release_are_taken_over(site))
    }),
    ("the_erlang_release_can_be_put_back", |site| Box::pin(legacy::the_erlang_release_can_be_put_back(site))),
    ("the_printed_tables_are_those_that_are_made", |site| {
        Box::pin(tables::the_printed_tables_are_those_that_are_made(site))
    }),
    ("what_this_release_has_added_can_be_taken_out_as_the_docs_say", |site| {
        Box::pin(legacy::what_this_release_has_added_can_be_taken_out_as_the_docs_say(site))
    }),
    ("events_and_subscribers_may_live_apart", |site| {
        Box::pin(legacy::events_and_subscribers_may_live_apart(site))
    }),
    ("what_is_handed_on_is_read_in_its_order_and_stands_once", |site| {
        Box::pin(topic_log::what_is_handed_on_is_read_in_its_order_and_stands_once(site))
    }),
    ("the_topic_log_is_shortened_from_its_old_end", |site| {
        Box::pin(topic_log::the_topic_log_is_shortened_from_its_old_end(site))
    }),
    ("who_follows_the_topic_log_gets_what_comes", |site| {
        Box::pin(topic_log::who_follows_the_topic_log_gets_what_comes(site))
    }),
    ("what_the_database_cannot_write_is_handed_on_in_plain_letters", |site| {
        Box::pin(topic_log::what_the_database_cannot_write_is_handed_on_in_plain_letters(site))
    }),
    ("a_verdict_that_does_not_count_hands_nothing_on", |site| {
        Box::pin(topic_log::a_verdict_that_does_not_count_hands_nothing_on(site))
    }),
    ("a_reader_finds_its_place_again_and_never_goes_back", |site| {
        Box::pin(followers::a_reader_finds_its_place_again_and_never_goes_back(site))
    }),
    ("a_subscription_is_known_by_its_event_and_its_socket", |site| {
        Box::pin(followers::a_subscription_is_known_by_its_event_and_its_socket(site))
    }),
    ("a_subscription_stands_with_the_line_of_who_wished_it", |site| {
        Box::pin(followers::a_subscription_stands_with_the_line_of_who_wished_it(site))
    }),
    ("a_hub_and_its_place_outlast_a_restart", |site| {
        Box::pin(hubs::a_hub_and_its_place_outlast_a_restart(site))
    }),
    ("a_cursor_goes_forward_and_counts", |site| Box::pin(hubs::a_cursor_goes_forward_and_counts(site))),
    ("attempts_are_kept_once_the_newest_hundred_of_each_hub", |site| {
        Box::pin(hubs::attempts_are_kept_once_the_newest_hundred_of_each_hub(site))
    }),
    ("what_is_skipped_is_a_dead_letter_and_the_hub_goes_on", |site| {
        Box::pin(hubs::what_is_skipped_is_a_dead_letter_and_the_hub_goes_on(site))
    }),
    ("all_of_a_hub_goes_with_it_and_nothing_comes_after", |site| {
        Box::pin(hubs::all_of_a_hub_goes_with_it_and_nothing_comes_after(site))
    }),
    ("a_hub_that_the_database_refuses_is_told", |site| {
        Box::pin(hubs::a_hub_that_the_database_refuses_is_told(site))
    }),
    ("the_topic_log_keeps_what_nats_has_not_got", |site| {
        Box::pin(topic_log::the_topic_log_keeps_what_nats_has_not_got(site))
    }),
    ("the_topic_log_keeps_what_a_hub_has_not_got", |site| {
        Box::pin(hubs::the_topic_log_keeps_what_a_hub_has_not_got(site))
    }),
    ("a_topic_is_read_from_a_place_on_and_counted", |site| {
        Box::pin(topic_reads::a_topic_is_read_from_a_place_on_and_counted(site))
    }),
    ("a_page_of_long_rows_has_few_of_them_and_says_that_there_are_more", |site| {
        Box::pin(topic_reads::a_page_of_long_rows_has_few_of_them_and_says_that_there_are_more(site))
    }),
    ("a_time_of_a_topic_is_found_with_both_its_ends", |site| {
        Box::pin(topic_reads::a_time_of_a_topic_is_found_with_both_its_ends(site))
    }),
    ("pages_of_a_topic_say_how_many_there_are", |site| {
        Box::pin(topic_reads::pages_of_a_topic_say_how_many_there_are(site))
    }),
    ("an_event_is_read_back_in_the_form_in_which_it_came", |site| {
        Box::pin(topic_reads::an_event_is_read_back_in_the_form_in_which_it_came(site))
    }),
    ("an_alarm_is_raised_once_until_it_is_cleared", |site| {
        Box::pin(standing::an_alarm_is_raised_once_until_it_is_cleared(site))
    }),
    ("a_registration_is_known_by_its_peer_and_topic", |site| {
        Box::pin(standing::a_registration_is_known_by_its_peer_and_topic(site))
    }),
    ("a_database_of_the_release_before_is_extended_and_can_be_put_back", |site| {
        Box::pin(tables::a_database_of_the_release_before_is_extended_and_can_be_put_back(site))
    }),
];

#[test]
fn every_promise_holds_on_sqlite() {
    hold(Kind::Sqlite);
}

#[test]
fn every_promise_holds_on_postgresql() {
    hold(Kind::Postgres);
}

#[test]
#[ignore = "a million rows take a minute"]
fn a_million_rows_hold_nobody_up_on_sqlite() {
    site::block_on(million::try_million(Site::new(Kind::Sqlite)));
}

#[test]
#[ignore = "a million rows take a minute"]
fn a_million_rows_hold_nobody_up_on_postgresql() {
    site::block_on(million::try_million(Site::new(Kind::Postgres)));
}

fn hold(kind: Kind) {
    let mut broken = Vec::new();
    for (name, promise) in PROMISES {
        println!("{name}");
        let run = || site::block_on(promise(Site::new(kind)));
        if catch_unwind(AssertUnwindSafe(run)).is_err() {
            broken.push(*name);
        }
    }
    assert!(broken.is_empty(), "broken on {kind:?}: {broken:?}");
}
