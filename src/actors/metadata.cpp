// The metadata actor's start and end, its log, and what follows from a commit.
#include "actors/metadata.hpp"

#include "base/log.hpp"
#include "metadata/table_config_rules.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <chrono>

namespace cafka::actors {

namespace {

constexpr std::int64_t longest_wait_ms = 500; // between two looks at what may be due
constexpr std::int64_t ask_again_ms = 20; // a node that was elected, and did not serve yet
constexpr std::size_t max_waiting_questions = 1'000;

metadata::controller_config controller_config_of(const node_config& node) {
  metadata::controller_config config;
  config.default_partition_count = node.num_partitions;
  config.default_replication_factor = node.default_replication_factor;
  config.default_min_isr = node.topic_defaults.min_insync_replicas;
  config.default_unclean_election = node.topic_defaults.unclean_leader_election;
  config.default_fsync = node.topic_defaults.durability_fsync;
  config.broker_session_timeout_ms = node.broker_session_timeout_ms;
  return config;
}

election::quorum_config quorum_config_of(const node_config& node, const metadata_ground& ground) {
  election::quorum_config config;
  config.self = ground.self;
  config.voters = ground.voters;
  config.election_timeout_ms = node.quorum_election_timeout_ms;
  config.fetch_timeout_ms = node.quorum_fetch_timeout_ms;
  config.max_park_ms = std::max(std::int64_t{1}, config.election_timeout_ms / 4);
  return config;
}

} // namespace

metadata_keeper::metadata_keeper(caf::actor_config& config, shard* home, std::shared_ptr<metadata_start> start)
    : shard_actor(config, home),
      with_(std::move(start)),
      controller_(controller_config_of(*with_->config), std::make_shared<metadata::table_config_rules>(*with_->config),
                  prng{with_->random.next()}),
      channel_(max_waiting_questions, [this] { return now_ms(); }),
      schedule_({static_cast<std::uint64_t>(with_->config->metadata_snapshot_bytes), with_->config->metadata_snapshot_interval_ms},
                now_ms()) {}

metadata_keeper::behavior_type metadata_keeper::make_behavior() {
  return {
      [this](metadata_request& request) {
        std::visit([this](auto& what) { obey(what); }, request.what);
        arm();
      },
      [this](const flush_outcome& outcome) {
        flushed(outcome);
        arm();
      },
      [this](caf::tick_atom) { tick(); },
      [this](quorum_message& message) {
        take(message);
        arm();
      },
      [this](controller_call& call) {
        auto answer = answer_peer(call);
        arm();
        return answer;
      },
  };
}

void metadata_keeper::on_exit() {
  ground_.reset();
  channel_.close();
  fail_parked();
  calls_.clear();
  proposals_.clear();
  peers_.clear();
  waiting_for_producer_ids_.clear(); // each answers as it goes
  started_ = {};
  left_ = {};
}

// -- start and stop ---------------------------------------------------------------------------------------------------

void metadata_keeper::obey(start_metadata& request) {
  started_ = std::move(request.done);
  ground_ = std::move(request.ground);
  if (auto loaded = load(); !loaded) {
    started_.deliver(std::move(loaded));
    return;
  }
  const auto& voters = ground_->voters;
  if (voters.size() > 1)
    channel_.set_reason(": " + std::to_string(voters.majority()) + " of the " + std::to_string(voters.size()) + " voters must be up");
  looked_at_sessions_ms_ = now_ms();
  lifecycle_ = std::make_unique<metadata::broker_lifecycle>(
      std::move(ground_->registration), metadata::broker_lifecycle::intervals{with_->config->broker_heartbeat_interval_ms});
  quorum_ = std::make_unique<election::quorum>(quorum_config_of(*with_->config, *ground_), ground_->log->state(), ground_->log->summary(),
                                               prng{with_->random.next()}, now_ms());
  carry_out(quorum_->start(now_ms()));
}

// The snapshot only: what follows in the log is replayed as the quorum commits it.
result<void> metadata_keeper::load() {
  CAFKA_TRY_ASSIGN(snapshot, ground_->log->load_snapshot());
  if (!snapshot.image)
    return {};
  committed_ = metadata::image_builder{snapshot.image};
  applied_end_offset_ = snapshot.image->offset() + 1;
  last_timestamp_ms_ = snapshot.last_timestamp_ms;
  with_->marks->log_start_offset.store(ground_->log->log().log_start_offset(), std::memory_order_release);
  return {};
}

void metadata_keeper::obey(stop_metadata& request) {
  if (!ground_) {
    request.done.deliver(std::int64_t{-1});
    return quit();
  }
  if (quorum_ && !given_up_ && ground_->voters.size() > 1)
    carry_out(quorum_->resign(now_ms()));
  auto closed =
      given_up_ ? result<void>{fail(errc::log_dir_offline, "the metadata log could not be written")} : ground_->log->log().close();
  if (closed) {
    note_recovery_point();
    request.done.deliver(lifecycle_ ? lifecycle_->broker_epoch() : std::int64_t{-1});
  } else {
    request.done.deliver(tl::unexpected<error>(std::move(closed.error())));
  }
  quit();
}

void metadata_keeper::give_up(std::string reason) {
  if (given_up_)
    return;
  given_up_ = true;
  CAFKA_LOG_ERROR("this node no longer keeps metadata: {}", reason);
  controller_.deactivate();
  channel_.close();
  fail_parked();
  started_.deliver(fail(errc::kafka_storage_error, reason));
  with_->failed(std::move(reason));
}

// -- time -------------------------------------------------------------------------------------------------------------

void metadata_keeper::arm() {
  if (!quorum_ || given_up_)
    return;
  const auto now = now_ms();
  auto due_ms = std::min({quorum_->next_deadline_ms(), channel_.next_deadline_ms(), now + longest_wait_ms});
  if (controller_.active())
    due_ms = std::min(due_ms, controller_.next_deadline_ms());
  if (asked_ != no_node)
    due_ms = std::min(due_ms, channel_.has_leader() ? lifecycle_->next_deadline_ms() : now + ask_again_ms);
  due_ms = std::max(due_ms, now + 1);
  if (due_ms >= armed_ms_)
    return;
  armed_ms_ = due_ms;
  delayed_send(this, std::chrono::milliseconds(due_ms - now), caf::tick_atom_v);
}

void metadata_keeper::tick() {
  armed_ms_ = INT64_MAX;
  if (!quorum_ || given_up_)
    return;
  if (quorum_->next_deadline_ms() <= now_ms())
    carry_out(quorum_->tick(now_ms()));
  channel_.tick(now_ms());
  write_if_due();
  expire_sessions();
  return_preferred_leaders();
  follow_leader();
  report_to_controller();
  arm();
}

void metadata_keeper::expire_sessions() {
  // A node that was stopped has heard nobody; that is not their fault.
  const auto since_ms = now_ms() - std::exchange(looked_at_sessions_ms_, now_ms());
  if (since_ms > 2 * longest_wait_ms)
    controller_.extend_sessions(since_ms);
  if (!controller_.active() || !quorum_->majority_contact_since(now_ms() - contact_ms))
    return; // what it would write may never be committed
  for (auto expired = controller_.expire_sessions(now_ms()); !expired.records.empty(); expired = controller_.expire_sessions(now_ms())) {
    CAFKA_LOG_WARN("broker {} has not been heard for its session time-out: fenced", expired.outcome.front());
    if (!append(expired.records))
      break;
  }
}

// -- the log ----------------------------------------------------------------------------------------------------------

bool metadata_keeper::append(std::span<const metadata::metadata_record> records) {
  if (!quorum_ || !quorum_->can_append())
    return false;
  auto& log = ground_->log->log();
  const auto base_offset = log.log_end_offset();
  if (auto appended = ground_->log->append(records, quorum_->epoch(), with_->time->wall_ms()); !appended) {
    CAFKA_LOG_ERROR("cannot append to the metadata log: {}", appended.error().to_string());
    if (appended.error().code == errc::io_error)
      give_up(appended.error().to_string());
    return false;
  }
  auto offset = base_offset;
  for (const auto& record : records)
    if (auto replayed = controller_.replay(offset++, record); !replayed) {
      give_up("the controller contradicts itself: " + replayed.error().to_string());
      return false;
    }
  carry_out(quorum_->appended(base_offset, log.log_end_offset(), quorum_->epoch(), now_ms()));
  return !given_up_;
}

void metadata_keeper::request_flush() {
  if (flush_in_flight_ || given_up_)
    return;
  auto ticket = ground_->log->log().prepare_flush();
  if (!ticket)
    return;
  flush_in_flight_ = true;
  caf::anon_send(ground_->flusher, flush_request{std::move(*ticket), caf::actor_cast<metadata_actor>(this)});
}

void metadata_keeper::flushed(const flush_outcome& outcome) {
  flush_in_flight_ = false;
  if (given_up_ || !ground_)
    return;
  if (outcome.code != errc::none) {
    give_up(outcome.message);
    return;
  }
  auto& log = ground_->log->log();
  log.mark_flushed(outcome.end_offset);
  note_recovery_point();
  carry_out(quorum_->flushed(log.flushed_end_offset(), now_ms()));
}

// What the quorum may still cut is not below it: a log that ends below its recovery point would be taken for damaged at the next start.
void metadata_keeper::note_recovery_point() {
  auto& known = with_->marks->recovery_point;
  const auto safe = std::min(ground_->log->log().flushed_end_offset(), quorum_ ? quorum_->high_watermark() : -1);
  if (!keeping_ && safe > known.load(std::memory_order_relaxed))
    known.store(safe, std::memory_order_release);
}

// -- what is committed ------------------------------------------------------------------------------------------------

void metadata_keeper::park(std::int64_t offset, waits_for what, settled then) {
  if (offset >= (what == waits_for::broker ? acted_end_offset_ : applied_end_offset_))
    parked_.push_back({offset, what, std::move(then)});
  else
    then(errc::none);
}

void metadata_keeper::fail_parked() {
  for (const auto& each : std::exchange(parked_, {}))
    each.done(errc::request_timed_out);
}

void metadata_keeper::apply_committed(std::int64_t high_watermark) {
  const auto read =
      ground_->log->read(applied_end_offset_, high_watermark,
                         [this](std::int64_t offset, std::int32_t leader_epoch, const metadata::metadata_record* record) -> result<void> {
                           if (record)
                             return committed_.replay(offset, leader_epoch, *record);
                           committed_.advance_to(offset, leader_epoch);
                           return {};
                         });
  if (!read) {
    give_up("the metadata log cannot be replayed: " + read.error().to_string() + ". " + metadata_log::how_to_restore());
    return;
  }
  applied_end_offset_ = std::max(applied_end_offset_, high_watermark);
  if (read->size_bytes > 0)
    last_timestamp_ms_ = read->last_timestamp_ms;
  schedule_.note_applied(read->size_bytes);
  note_recovery_point();
  with_->marks->high_watermark.store(high_watermark, std::memory_order_release);
  std::vector<settled> committed, for_broker;
  std::erase_if(parked_, [&](parked_answer& each) {
    if (each.offset >= applied_end_offset_)
      return false;
    (each.what == waits_for::broker ? for_broker : committed).push_back(std::move(each.done));
    return true;
  });
  auto next = committed_.build().next;
  controller_.on_published(next);
  with_->published->publish(std::move(next));
  announce(std::move(for_broker));
  for (const auto& each : committed)
    each(errc::none);
  write_if_due();
}

void metadata_keeper::announce(std::vector<settled> released) {
  image_update update;
  update.image = with_->published->load();
  update.applied = net::completion<void>{[self = caf::actor_cast<metadata_actor>(this), end_offset = applied_end_offset_,
                                          released = std::move(released)](const result<void>&) mutable {
    caf::anon_send(self, metadata_request{answers_due{end_offset, std::move(released)}});
  }};
  caf::anon_send(ground_->broker, broker_order{std::move(update)});
}

void metadata_keeper::obey(answers_due& due) {
  acted_end_offset_ = std::max(acted_end_offset_, due.end_offset);
  for (const auto& each : due.answers)
    each(errc::none);
  if (lifecycle_ && lifecycle_->current() == metadata::broker_lifecycle::state::fenced)
    lifecycle_->hurry();
  check_started();
  report_to_controller();
}

} // namespace cafka::actors
