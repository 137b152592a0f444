// The broker actor's orders: a new image, the end; and its housekeeping. A replica's life is in broker_replicas.cpp, what becomes of those that
// cannot go on where they are in broker_failures.cpp.
#include "actors/broker.hpp"

#include "base/log.hpp"
#include "metadata/replica_places.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>

namespace cafka::actors {

namespace {

constexpr auto housekeeping_interval = std::chrono::seconds(1);

} // namespace

broker::broker(caf::actor_config& config, shard* home, std::shared_ptr<broker_start> start)
    : shard_actor(config, home), with_(std::move(start)), image_(std::make_shared<metadata::image>()) {
  jobs_.resize(with_->directories.size());
  replicas_in_.resize(with_->directories.size());
  const auto now_ms = with_->time->monotonic_ms();
  recovery_points_due_ms_ = now_ms + with_->config->recovery_point_checkpoint_interval_ms;
  start_offsets_due_ms_ = now_ms + with_->config->log_start_offset_checkpoint_interval_ms;
  high_watermarks_due_ms_ = now_ms + with_->config->high_watermark_checkpoint_interval_ms;
}

broker::behavior_type broker::make_behavior() {
  set_down_handler([this](caf::down_msg& message) { down(message); });
  delayed_send(this, housekeeping_interval, caf::tick_atom_v);
  return {
      [this](broker_order& order) { std::visit([this](auto& what) { obey(what); }, order.what); },
      [this](caf::tick_atom) {
        if (stopping_)
          return;
        housekeep();
        delayed_send(this, housekeeping_interval, caf::tick_atom_v);
      },
  };
}

void broker::on_exit() {
  // After an orderly stop there are none left; after a crash of this actor nobody else knows them.
  for (auto& [topic_id, of] : topics_)
    for (auto& [number, here] : of.replicas)
      if (here.actor)
        caf::anon_send_exit(here.actor, caf::exit_reason::user_shutdown);
  topics_.clear();
  with_->routes->publish(std::make_shared<routing_table>());
  with_->directories.clear();
}

// -- image ------------------------------------------------------------------------------------------------------------

void broker::obey(image_update& order) {
  if (stopping_)
    return;
  const auto applied = std::make_shared<applied_token>(std::move(order.applied));
  const auto before = std::move(image_);
  image_ = order.image;
  for (const auto& [name, was] : before->topics())
    if (!image_->find_topic(was->id))
      remove_topic(was->id, applied);
  const auto lowered = apply_settings(*before);
  apply_brokers(*before);
  for (const auto& [name, now] : image_->topics()) {
    const auto* was = before->find_topic(now->id);
    if (was != now.get()) // a successor shares what did not change
      apply_topic(*now, applied);
  }
  for (const auto& topic_id : lowered)
    tell_settings(topics_.at(topic_id));
  if (!std::exchange(leftovers_kept_, true))
    keep_leftovers();
  report_failed();
  send_open_jobs();
  publish_routes();
}

void broker::note(replica& what, const metadata::partition_registration& registration) {
  what.leader_epoch = registration.leader_epoch;
  what.partition_epoch = registration.partition_epoch;
  what.has_others = registration.replicas.size() > 1;
}

void broker::apply_topic(const metadata::topic_image& wanted, const token& applied) {
  auto& of = topics_[wanted.id];
  if (!of.settings) {
    of.name = wanted.name;
    of.settings = settings_of(*image_, wanted.name);
  }
  for (const auto& [number, registration] : wanted.partitions) {
    const auto mine =
        std::find(registration.replicas.begin(), registration.replicas.end(), with_->config->id) != registration.replicas.end();
    auto known = of.replicas.find(number);
    if (known == of.replicas.end()) {
      if (!mine)
        continue;
      auto& fresh = of.replicas[number];
      fresh.name = {wanted.name, number};
      note(fresh, registration);
      fresh.waiting.push_back(applied);
      fresh.directory = choose_directory(fresh.name, registration);
      ++replicas_in_[fresh.directory];
      if (const auto said = directory_of(registration, with_->config->id);
          !said.is_zero() && said == with_->directories[fresh.directory].id)
        set_aside_elsewhere(fresh);
      of.routes_changed = true;
      open_later(wanted.id, of, fresh, with_->directories[fresh.directory].clean);
      continue;
    }
    auto& here = known->second;
    if (here.partition_epoch == registration.partition_epoch && here.leader_epoch == registration.leader_epoch)
      continue;
    note(here, registration);
    if (here.state == phase::serving)
      caf::anon_send(here.actor, partition_order{leadership{wanted.id, registration, brokers_}});
    else if (here.state == phase::opening)
      here.waiting.push_back(applied);
  }
}

settings_ptr broker::settings_of(const metadata::image& image, const std::string& topic_name) const {
  const auto own_name = std::to_string(with_->config->id);
  const auto& cluster_wide = image.configs(metadata::config_resource::broker, "");
  const auto& own = image.configs(metadata::config_resource::broker, own_name);
  auto defaults = with_->config->topic_defaults;
  if (!cluster_wide.empty() || !own.empty()) {
    if (auto dynamic = dynamic_topic_defaults(*with_->config, cluster_wide, own))
      defaults = *dynamic;
    else
      CAFKA_LOG_WARN("dynamic configs of node {} are not usable: {}", with_->config->id, dynamic.error().to_string());
  }
  const auto live = dynamic_live_config(*with_->config, cluster_wide, own);
  auto config = resolve_topic_config(defaults, image.configs(metadata::config_resource::topic, topic_name));
  if (!config) {
    // The controller checks before it commits; a directory taken over from elsewhere may still hold such a record.
    CAFKA_LOG_WARN("configs of topic {} are not usable, its defaults hold instead: {}", topic_name, config.error().to_string());
    config = defaults;
  }
  auto settings = make_partition_settings(*config);
  settings.producer_expiration_ms = live.producer_id_expiration_ms;
  return std::make_shared<const partition_settings>(std::move(settings));
}

// A higher min.insync.replicas is told before what this image says of the partition, a lower one after it: with neither may a leader commit what fewer have
// than the controller counts on. Returns the topics that are to be told after it.
std::vector<uuid> broker::apply_settings(const metadata::image& before) {
  std::vector<uuid> lowered;
  using metadata::config_resource;
  const auto own_name = std::to_string(with_->config->id);
  const auto same = [&](config_resource type, std::string_view name) { return before.configs(type, name) == image_->configs(type, name); };
  const auto all = !same(config_resource::broker, "") || !same(config_resource::broker, own_name);
  if (all && with_->adopt)
    with_->adopt(dynamic_live_config(*with_->config, image_->configs(config_resource::broker, ""),
                                     image_->configs(config_resource::broker, own_name)));
  for (auto& [topic_id, of] : topics_) {
    if (!all && same(config_resource::topic, of.name))
      continue;
    const auto was = std::exchange(of.settings, settings_of(*image_, of.name));
    if (was && of.settings->min_insync_replicas < was->min_insync_replicas)
      lowered.push_back(topic_id);
    else
      tell_settings(of);
  }
  return lowered;
}

void broker::tell_settings(const topic& of) {
  for (const auto& [number, here] : of.replicas)
    if (here.actor)
      caf::anon_send(here.actor, partition_order{new_settings{of.settings}});
}

// Who may join an in-sync set, and as which incarnation this node follows others.
void broker::apply_brokers(const metadata::image& before) {
  if (before.brokers() == image_->brokers())
    return;
  auto next = std::make_shared<cluster_view>();
  for (const auto& [id, registered] : image_->brokers()) {
    if (id == with_->config->id && registered.incarnation_id == with_->incarnation_id)
      next->broker_epoch = registered.broker_epoch;
    if (!registered.fenced && !registered.in_controlled_shutdown)
      next->eligible.push_back({id, registered.broker_epoch});
  }
  brokers_ = std::move(next);
  for (auto& [topic_id, of] : topics_)
    for (auto& [number, here] : of.replicas)
      if (here.actor && here.has_others)
        caf::anon_send(here.actor, partition_order{brokers_changed{brokers_}});
}

void broker::remove_topic(const uuid& topic_id, const token& applied) {
  const auto known = topics_.find(topic_id);
  if (known == topics_.end())
    return;
  auto& of = known->second;
  of.routes_changed = true;
  std::vector<std::int32_t> at_rest;
  for (auto& [number, here] : of.replicas) {
    here.retire_after = true;
    here.waiting.push_back(applied);
    if (stop_deferring(topic_id, number))
      at_rest.push_back(number);
    else
      here.holds_name = retiring_.insert(here.name).second;
    if (here.actor)
      caf::anon_send(here.actor, partition_order{close_partition{false, {}}});
    else if (here.state == phase::offline)
      at_rest.push_back(number);
    if (here.state == phase::serving)
      here.state = phase::closing;
  }
  for (const auto number : at_rest)
    finish_retiring(topic_id, number);
}

// -- directories, the end, housekeeping -------------------------------------------------------------------------------

void broker::obey(stop_broker& order) {
  stopping_ = true;
  stopped_ = std::move(order.done);
  for (auto& [topic_id, of] : topics_)
    for (auto& [number, here] : of.replicas) {
      here.waiting.clear();
      if (!here.actor)
        continue;
      here.state = phase::closing;
      completion_reply<void> closed{[self = caf::actor_cast<broker_actor>(this)](result<void> outcome) {
        if (!outcome)
          caf::anon_send(self, broker_order{close_failed{outcome.error().to_string()}});
      }};
      caf::anon_send(here.actor, partition_order{close_partition{true, std::move(closed)}});
    }
  check_stopped();
}

void broker::obey(close_failed& order) {
  CAFKA_LOG_WARN("a log was not closed cleanly: {}", order.reason);
  all_flushed_ = false;
}

void broker::obey(describe_log_dirs_request& order) {
  // The directories answer one by one, from their flushers' threads; the last answer carries all.
  struct answers {
    std::vector<net::log_dir_description> all;
    std::atomic<std::size_t> missing{0};
    completion_reply<std::vector<net::log_dir_description>> done;
  };
  auto shared = std::make_shared<answers>();
  shared->done = std::move(order.done);
  shared->missing = with_->directories.size();
  for (const auto& directory : with_->directories)
    shared->all.emplace_back().path = directory.path;
  for (const auto& [topic_id, of] : topics_)
    for (const auto& [number, here] : of.replicas)
      if (here.marks && !here.retire_after)
        shared->all[here.directory].partitions.push_back({here.name, here.marks->size_bytes.load(std::memory_order_acquire)});
  for (std::size_t i = 0; i < with_->directories.size(); ++i) {
    completion_reply<volume_space> measured{[shared, i](result<volume_space> space) {
      auto& one = shared->all[i];
      if (space) {
        one.total_bytes = space->total_bytes;
        one.usable_bytes = space->usable_bytes;
      } else {
        one = {one.path, errc::kafka_storage_error, {}, -1, -1};
      }
      if (shared->missing.fetch_sub(1, std::memory_order_acq_rel) == 1)
        shared->done.deliver(std::move(shared->all));
    }};
    caf::anon_send(with_->directories[i].environment->flusher, directory_order{measure_volume{std::move(measured)}});
  }
}

void broker::check_stopped() {
  if (stopping_ && by_actor_.empty() && opening_ == 0)
    stopped_.deliver(all_flushed_);
}

void broker::housekeep() {
  const auto now_ms = with_->time->monotonic_ms();
  const auto wall_ms = with_->time->wall_ms();
  if (with_->board->earliest_ms() <= wall_ms) {
    with_->board->reset();
    for (auto& [topic_id, of] : topics_)
      for (auto& [number, here] : of.replicas) {
        if (here.state != phase::serving)
          continue;
        const auto due_ms = here.marks->maintenance_due_ms.load(std::memory_order_acquire);
        if (due_ms > wall_ms) {
          with_->board->lower_to(due_ms);
          continue;
        }
        here.marks->maintenance_due_ms.store(never_ms, std::memory_order_release);
        caf::anon_send(here.actor, partition_order{maintain{}});
      }
  }
  report_failed();
  write_checkpoints order;
  const auto due = [now_ms](std::int64_t& at_ms, std::int64_t interval_ms) {
    if (at_ms > now_ms)
      return false;
    at_ms = now_ms + interval_ms;
    return true;
  };
  order.recovery_points = due(recovery_points_due_ms_, with_->config->recovery_point_checkpoint_interval_ms);
  order.log_start_offsets = due(start_offsets_due_ms_, with_->config->log_start_offset_checkpoint_interval_ms);
  order.high_watermarks = due(high_watermarks_due_ms_, with_->config->high_watermark_checkpoint_interval_ms);
  if (!order.recovery_points && !order.log_start_offsets && !order.high_watermarks)
    return;
  for (std::size_t i = 0; i < with_->directories.size(); ++i)
    if (!failed_directories_.contains(i))
      caf::anon_send(with_->directories[i].environment->flusher,
                     directory_order{write_checkpoints{order.recovery_points, order.log_start_offsets, order.high_watermarks, {}}});
}

} // namespace cafka::actors
