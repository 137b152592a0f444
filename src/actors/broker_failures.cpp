// The broker actor's replicas that cannot go on where they are: in a directory that failed, or with a damaged log. The controller decides who leads
// without them, and where they start over; what it decided is read from the image. Source: KIP-112, KIP-858.
#include "actors/broker.hpp"

#include "base/log.hpp"
#include "metadata/replica_places.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace cafka::actors {

namespace {
constexpr std::int64_t report_again_ms = 5'000; // what nobody could take over may have changed
}

void broker::obey(directory_failed& order) {
  for (std::size_t i = 0; i < with_->directories.size(); ++i) {
    auto& directory = with_->directories[i];
    if (directory.path != order.path || !failed_directories_.insert(i).second)
      continue;
    caf::anon_send(directory.environment->flusher, directory_order{take_offline{order.reason}});
    for (auto& [topic_id, of] : topics_)
      for (auto& [number, here] : of.replicas) {
        if (here.directory != i)
          continue;
        note_failed(topic_id, here);
        if (here.actor)
          caf::anon_send(here.actor, partition_order{went_offline{order.reason}});
      }
    forget_this_boot();
  }
  if (!fewest_replicas() || order.path == with_->metadata_directory) {
    CAFKA_LOG_ERROR("{} has failed, {}: this node stops. Start it again when the disk is sound, or without the directory in log.dirs",
                    order.path, fewest_replicas() ? "the directory of the metadata log" : "the last of log.dirs");
    if (with_->failed)
      with_->failed();
    return;
  }
  report_failed();
}

// The page cache of this boot has lost what could not be written.
void broker::forget_this_boot() {
  for (std::size_t i = 0; i < with_->directories.size(); ++i)
    if (!failed_directories_.contains(i))
      caf::anon_send(with_->directories[i].environment->flusher, directory_order{forget_boot{}});
}

void broker::note_failed(const uuid& topic_id, replica& what) {
  if (failed_replicas_.insert({topic_id, what.name.partition}).second)
    what.failed_in_epoch = what.leader_epoch;
}

// A damaged log starts over beside its old files, any other where the fewest replicas are.
std::optional<std::size_t> broker::choose_anew(const replica& what) const {
  if (!what.has_others)
    return std::nullopt; // there is nobody to fetch from
  return failed_directories_.contains(what.directory) ? fewest_replicas() : std::optional{what.directory};
}

void broker::report_failed() {
  if (stopping_ || !with_->report_failed || brokers_->broker_epoch < 0)
    return;
  const auto now_ms = with_->time->monotonic_ms();
  metadata::failed_replicas_report report;
  const auto failed = failed_replicas_; // which changes as some start over
  for (const auto& where : failed) {
    const auto of = topics_.find(where.topic_id);
    auto* here = find(where);
    const auto* known = image_->find_topic(where.topic_id);
    const auto* registration = known ? known->find_partition(where.partition) : nullptr;
    if (!here || !registration || here->retire_after || !here->files_are_ours || here->starts_over ||
        (here->state != phase::serving && here->state != phase::offline))
      continue;
    if (here->anew_in && !failed_directories_.contains(*here->anew_in) &&
        may_start_over(*registration, with_->config->id, here->failed_in_epoch, with_->directories[*here->anew_in].id)) {
      start_over(where.topic_id, of->second, *here);
      continue;
    }
    if (here->reported_ms >= 0 && (!here->has_others || now_ms - here->reported_ms < report_again_ms))
      continue;
    here->reported_ms = now_ms;
    here->anew_in = choose_anew(*here);
    report.replicas.push_back(
        {where, with_->directories[here->directory].id, here->anew_in ? with_->directories[*here->anew_in].id : uuid{}});
  }
  if (report.replicas.empty() && told_failed_directories_ == failed_directories_.size())
    return;
  told_failed_directories_ = failed_directories_.size();
  for (const auto each : failed_directories_)
    report.directories.push_back(with_->directories[each].id);
  with_->report_failed(std::move(report));
}

void broker::start_over(const uuid& topic_id, topic& of, replica& what) {
  what.starts_over = true;
  of.routes_changed = true;
  if (what.actor) {
    caf::anon_send(what.actor, partition_order{close_partition{false, {}}});
    what.state = phase::closing;
  } else if (what.state == phase::offline) {
    begin_anew(topic_id, of, what);
  }
}

// The name is made free in the new directory first, and the checkpoints there say that the log begins with nothing: else it would be taken for damaged.
void broker::begin_anew(const uuid& topic_id, topic& of, replica& what) {
  const auto from = what.directory;
  const auto to = *what.anew_in;
  auto& directory = with_->directories[to];
  CAFKA_LOG_INFO("{} starts over in {}, with what its leader has; {}", what.name.to_string(), directory.path,
                 from == to ? "its damaged files are set aside" : "what is in " + with_->directories[from].path + " is left as it is");
  --replicas_in_[from];
  ++replicas_in_[to];
  what.directory = to;
  what.marks = std::make_shared<partition_marks>();
  what.starts_over = false;
  failed_replicas_.erase({topic_id, what.name.partition});
  what.reported_ms = -1;
  what.anew_in.reset();
  what.deaths = 0;
  what.offline_reason.clear();
  of.routes_changed = true;
  directory.found.erase(what.name);
  set_aside order;
  order.name = what.name;
  order.tag = uuid::random(with_->random);
  order.marks = what.marks;
  order.done = net::completion<void>{[self = caf::actor_cast<broker_actor>(this), name = what.name](const result<void>&) {
    caf::anon_send(self, broker_order{partition_retired{name}});
  }};
  retiring_.insert(what.name);
  caf::anon_send(directory.environment->flusher, directory_order{std::move(order)});
  open_later(topic_id, of, what, false);
}

// The metadata says where this replica is; a copy of it elsewhere is from before its directory failed.
void broker::set_aside_elsewhere(const replica& what) {
  for (std::size_t i = 0; i < with_->directories.size(); ++i) {
    auto& directory = with_->directories[i];
    if (i == what.directory || directory.found.erase(what.name) == 0)
      continue;
    directory.recovery_points.erase(what.name);
    directory.log_start_offsets.erase(what.name);
    directory.high_watermarks.erase(what.name);
    caf::anon_send(directory.environment->flusher, directory_order{set_aside{what.name, uuid::random(with_->random), nullptr, {}}});
  }
}

} // namespace cafka::actors
