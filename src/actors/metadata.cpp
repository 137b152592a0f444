#include "actors/metadata.hpp"

#include "base/log.hpp"
#include "metadata/table_config_rules.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <chrono>

namespace cafka::actors {

namespace {

constexpr auto tick_interval = std::chrono::milliseconds(500);
constexpr std::size_t max_waiting_for_producer_ids = 10'000;

metadata::controller_config controller_config_of(const node_config& node) {
  metadata::controller_config config;
  config.default_partition_count = node.num_partitions;
  config.default_replication_factor = node.default_replication_factor;
  config.default_min_isr = node.topic_defaults.min_insync_replicas;
  config.default_unclean_election = node.topic_defaults.unclean_leader_election;
  config.default_fsync = node.topic_defaults.durability_fsync;
  return config;
}

} // namespace

metadata_keeper::metadata_keeper(caf::actor_config& config, shard* home, std::shared_ptr<metadata_start> start)
    : shard_actor(config, home),
      with_(std::move(start)),
      controller_(controller_config_of(*with_->config), std::make_shared<metadata::table_config_rules>(*with_->config),
                  prng{with_->random.next()}) {}

metadata_keeper::behavior_type metadata_keeper::make_behavior() {
  return {
      [this](metadata_request& request) { std::visit([this](auto& what) { obey(what); }, request.what); },
      [this](const flush_outcome& outcome) { flushed(outcome); },
      [this](caf::tick_atom) { tick(); },
  };
}

void metadata_keeper::on_exit() {
  for (auto& each : parked_)
    each.done(errc::not_controller);
  parked_.clear();
  waiting_for_producer_ids_.clear(); // each answers as it goes
  started_ = {};
  with_->log.reset();
  with_->broker = nullptr;
  with_->flusher = nullptr;
}

// -- start and stop ---------------------------------------------------------------------------------------------------

void metadata_keeper::obey(start_metadata& request) {
  started_ = std::move(request.done);
  if (auto loaded = load(); !loaded) {
    started_.deliver(std::move(loaded));
    return;
  }
  election::quorum_config config;
  config.self = {with_->config->id, with_->directory_id};
  config.voters = election::voter_set{{config.self}};
  quorum_ = std::make_unique<election::quorum>(config, with_->log->state(), with_->log->summary(), prng{with_->random.next()}, now_ms());
  delayed_send(this, tick_interval, caf::tick_atom_v);
  carry_out(quorum_->start(now_ms()));
}

// The snapshot only: what follows in the log is replayed as the quorum commits it.
result<void> metadata_keeper::load() {
  auto& log = *with_->log;
  CAFKA_TRY(log.read_snapshot([this](std::int64_t offset, std::int32_t leader_epoch, const metadata::metadata_record* record) {
    return record ? committed_.replay(offset, leader_epoch, *record) : result<void>{};
  }));
  if (const auto& snapshot = log.snapshot()) {
    committed_.advance_to(snapshot->end_offset - 1, snapshot->leader_epoch);
    applied_end_offset_ = snapshot->end_offset;
  }
  return {};
}

void metadata_keeper::obey(stop_metadata& request) {
  auto closed = given_up_ ? result<void>{fail(errc::log_dir_offline, "the metadata log could not be written")} : with_->log->log().close();
  if (closed) {
    with_->marks->recovery_point.store(with_->log->log().log_end_offset(), std::memory_order_release);
    request.done.deliver(broker_epoch_);
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
  for (auto& each : std::exchange(parked_, {}))
    each.done(errc::not_controller);
  started_.deliver(fail(errc::kafka_storage_error, reason));
  with_->failed(std::move(reason));
}

// -- requests ---------------------------------------------------------------------------------------------------------

template <class Outcome>
void metadata_keeper::conclude(metadata::decision<Outcome> decision, bool validate_only, completion_reply<Outcome> to) {
  if (given_up_ || !controller_.active()) {
    to.deliver(fail(errc::not_controller, "node " + std::to_string(with_->config->id) + " is not the active controller"));
    return;
  }
  if (!validate_only && !decision.records.empty() && !append(decision.records)) {
    to.deliver(fail(errc::kafka_storage_error, "not done: the metadata log cannot be written"));
    return;
  }
  // std::function wants copies; the reply must not have any.
  auto reply = std::make_shared<completion_reply<Outcome>>(std::move(to));
  park(controller_.answer_after(), [reply, outcome = std::move(decision.outcome)](errc code) {
    if (code == errc::none)
      reply->deliver(outcome);
    else
      reply->deliver(fail(code, "the controller went away; whether it was done is unknown"));
  });
}

void metadata_keeper::obey(create_topics_request& request) {
  conclude(controller_.create_topics(request.topics), request.validate_only, std::move(request.done));
}

void metadata_keeper::obey(delete_topics_request& request) {
  conclude(controller_.delete_topics(request.topics), false, std::move(request.done));
}

void metadata_keeper::obey(create_partitions_request& request) {
  conclude(controller_.create_partitions(request.topics), request.validate_only, std::move(request.done));
}

void metadata_keeper::obey(alter_configs_request& request) {
  conclude(controller_.alter_configs(request.changes), request.validate_only, std::move(request.done));
}

// -- producer ids -----------------------------------------------------------------------------------------------------

void metadata_keeper::obey(init_producer_id_request& request) {
  if (next_producer_id_ < end_producer_id_) {
    request.done.deliver(net::producer_id_and_epoch{next_producer_id_++, 0});
    return;
  }
  if (waiting_for_producer_ids_.size() >= max_waiting_for_producer_ids) {
    request.done.deliver(fail(errc::too_many_requests, "too many producers wait for an id already"));
    return;
  }
  waiting_for_producer_ids_.push_back(std::move(request.done));
  if (!allocating_producer_ids_)
    allocate_producer_ids();
}

// No id is used before the record that takes its block away from everyone else is committed.
void metadata_keeper::allocate_producer_ids() {
  allocating_producer_ids_ = true;
  const auto tell = [self = caf::actor_cast<metadata_actor>(this)](metadata::producer_id_block block) {
    caf::anon_send(self, metadata_request{producer_ids_allocated{std::move(block)}});
  };
  auto decision = controller_.allocate_producer_ids(with_->config->id, broker_epoch_);
  if (decision.outcome.code == errc::none && !append(decision.records))
    decision.outcome = {errc::kafka_storage_error, "the metadata log cannot be written", -1, 0};
  if (decision.outcome.code != errc::none) {
    tell(std::move(decision.outcome));
    return;
  }
  park(controller_.answer_after(), [tell, block = std::move(decision.outcome)](errc code) mutable {
    if (code != errc::none)
      block = {code, "the controller went away", -1, 0};
    tell(std::move(block));
  });
}

void metadata_keeper::obey(producer_ids_allocated& outcome) {
  allocating_producer_ids_ = false;
  const auto& block = outcome.block;
  if (block.code != errc::none) {
    for (auto& each : std::exchange(waiting_for_producer_ids_, {}))
      each.deliver(fail(errc::coordinator_not_available, "no producer id now: " + error{block.code, block.message}.to_string()));
    return;
  }
  next_producer_id_ = block.first;
  end_producer_id_ = block.first + block.count;
  for (; !waiting_for_producer_ids_.empty() && next_producer_id_ < end_producer_id_; waiting_for_producer_ids_.pop_front())
    waiting_for_producer_ids_.front().deliver(net::producer_id_and_epoch{next_producer_id_++, 0});
  if (!waiting_for_producer_ids_.empty())
    allocate_producer_ids();
}

// -- the quorum -------------------------------------------------------------------------------------------------------

void metadata_keeper::carry_out(election::effects effects) {
  if (given_up_ || !persist_and_cut(effects))
    return;
  if (effects.append_leader_change)
    append_leader_change(*effects.append_leader_change);
  // effects.messages: a quorum of one sends none.
  if (effects.lost_leadership) {
    controller_.deactivate();
    for (auto& each : std::exchange(parked_, {}))
      each.done(errc::not_controller);
  }
  serve_when_applied_ = (serve_when_applied_ || effects.ready_to_serve) && !effects.lost_leadership;
  if (effects.high_watermark)
    apply_committed(*effects.high_watermark);
  if (serve_when_applied_ && !given_up_ && quorum_->can_append()) {
    serve_when_applied_ = false;
    begin_serving();
  }
  request_flush();
}

bool metadata_keeper::persist_and_cut(election::effects& effects) {
  if (effects.persist)
    if (auto saved = with_->log->save_state(*effects.persist); !saved) {
      give_up("cannot write quorum-state: " + saved.error().to_string());
      return false;
    }
  if (!effects.truncate_to)
    return true;
  if (auto cut = with_->log->log().truncate_to(*effects.truncate_to); !cut) {
    give_up("cannot truncate the metadata log: " + cut.error().to_string());
    return false;
  }
  carry_out(quorum_->truncated(with_->log->log().log_end_offset(), now_ms()));
  return !given_up_;
}

void metadata_keeper::append_leader_change(const election::leader_change_message& change) {
  auto& log = with_->log->log();
  const auto base_offset = log.log_end_offset();
  if (auto begun = log.begin_leader_epoch(quorum_->epoch()); !begun) {
    give_up("cannot write the leader epoch: " + begun.error().to_string());
    return;
  }
  if (auto appended = with_->log->append(change, quorum_->epoch(), with_->time->wall_ms()); !appended) {
    give_up("cannot append to the metadata log: " + appended.error().to_string());
    return;
  }
  carry_out(quorum_->appended(base_offset, log.log_end_offset(), quorum_->epoch(), now_ms()));
}

bool metadata_keeper::append(std::span<const metadata::metadata_record> records) {
  if (!quorum_ || !quorum_->can_append())
    return false;
  auto& log = with_->log->log();
  const auto base_offset = log.log_end_offset();
  if (auto appended = with_->log->append(records, quorum_->epoch(), with_->time->wall_ms()); !appended) {
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

void metadata_keeper::park(std::int64_t offset, answer then) {
  parked_.push_back({offset, std::move(then)});
  if (offset < applied_end_offset_) {
    auto released = std::vector<answer>{};
    for (; !parked_.empty() && parked_.front().offset < applied_end_offset_; parked_.pop_front())
      released.push_back(std::move(parked_.front().done));
    announce(std::move(released));
  }
}

void metadata_keeper::request_flush() {
  if (flush_in_flight_ || given_up_)
    return;
  auto ticket = with_->log->log().prepare_flush();
  if (!ticket)
    return;
  flush_in_flight_ = true;
  caf::anon_send(with_->flusher, flush_request{std::move(*ticket), caf::actor_cast<metadata_actor>(this)});
}

void metadata_keeper::flushed(const flush_outcome& outcome) {
  flush_in_flight_ = false;
  if (given_up_ || !with_->log)
    return;
  if (outcome.code != errc::none) {
    give_up(outcome.message);
    return;
  }
  auto& log = with_->log->log();
  log.mark_flushed(outcome.end_offset);
  with_->marks->recovery_point.store(log.flushed_end_offset(), std::memory_order_release);
  carry_out(quorum_->flushed(log.flushed_end_offset(), now_ms()));
}

// -- what is committed ------------------------------------------------------------------------------------------------

void metadata_keeper::apply_committed(std::int64_t high_watermark) {
  const auto read =
      with_->log->read(applied_end_offset_, high_watermark,
                       [this](std::int64_t offset, std::int32_t leader_epoch, const metadata::metadata_record* record) -> result<void> {
                         if (record)
                           return committed_.replay(offset, leader_epoch, *record);
                         committed_.advance_to(offset, leader_epoch);
                         return {};
                       });
  if (!read) {
    give_up("the metadata log cannot be replayed: " + read.error().to_string());
    return;
  }
  applied_end_offset_ = std::max(applied_end_offset_, high_watermark);
  with_->marks->high_watermark.store(high_watermark, std::memory_order_release);
  auto released = std::vector<answer>{};
  for (; !parked_.empty() && parked_.front().offset < applied_end_offset_; parked_.pop_front())
    released.push_back(std::move(parked_.front().done));
  auto next = committed_.build().next;
  controller_.on_published(next);
  with_->published->publish(std::move(next));
  announce(std::move(released));
}

void metadata_keeper::announce(std::vector<answer> released) {
  image_update update;
  update.image = with_->published->load();
  update.applied = net::completion<void>{[released = std::move(released)](const result<void>&) {
    for (const auto& each : released)
      each(errc::none);
  }};
  caf::anon_send(with_->broker, broker_order{std::move(update)});
}

void metadata_keeper::begin_serving() {
  controller_.activate(with_->published->load(), quorum_->epoch(), now_ms());
  for (const auto& [type, count] : committed_.unknown_types())
    CAFKA_LOG_WARN("{} metadata records of type {} are not understood here; they are kept as they are", count, type);
  if (const auto first = controller_.bootstrap_records(); !first.empty() && !append(first)) {
    give_up("cannot write the first records of the metadata log");
    return;
  }
  register_broker();
}

void metadata_keeper::register_broker() {
  auto decision = controller_.register_broker(with_->registration, with_->log->log().log_end_offset(), now_ms());
  if (decision.outcome.code != errc::none) {
    give_up("registration refused: " + decision.outcome.message);
    return;
  }
  broker_epoch_ = decision.outcome.broker_epoch;
  if (!decision.records.empty() && !append(decision.records))
    return;
  park(controller_.answer_after(),
       [self = caf::actor_cast<metadata_actor>(this)](errc) { caf::anon_send(self, metadata_request{heartbeat_now{}}); });
}

// The broker of this very node: it has replayed what is published.
void metadata_keeper::heartbeat() {
  if (broker_epoch_ < 0 || !controller_.active() || given_up_)
    return;
  metadata::broker_heartbeat beat;
  beat.id = with_->config->id;
  beat.broker_epoch = broker_epoch_;
  beat.metadata_offset = applied_end_offset_ - 1;
  auto decision = controller_.heartbeat(beat, now_ms());
  if (decision.outcome.code != errc::none) {
    CAFKA_LOG_WARN("heartbeat refused: {}", decision.outcome.message);
    return;
  }
  if (!decision.records.empty() && !append(decision.records))
    return;
  if (started_ && decision.outcome.caught_up && !decision.outcome.fenced) {
    auto reply = std::make_shared<completion_reply<void>>(std::move(started_));
    park(controller_.answer_after(), [reply](errc code) { reply->deliver(code == errc::none ? result<void>{} : fail(code)); });
  }
}

void metadata_keeper::tick() {
  delayed_send(this, tick_interval, caf::tick_atom_v);
  heartbeat();
  if (given_up_)
    return;
  if (quorum_->next_deadline_ms() <= now_ms())
    carry_out(quorum_->tick(now_ms()));
  for (auto expired = controller_.expire_sessions(now_ms()); !expired.records.empty() && append(expired.records);)
    expired = controller_.expire_sessions(now_ms());
}

} // namespace cafka::actors
