#include "actors/flusher.hpp"

#include "actors/data_directories.hpp"
#include "base/log.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <chrono>

namespace cafka::actors {

flusher::flusher(caf::actor_config& config, std::unique_ptr<storage::log_directory> directory, dependencies with)
    : flusher_actor::base(config), directory_(std::move(directory)), with_(std::move(with)) {
  directory_->forget_findings();
}

flusher::behavior_type flusher::make_behavior() {
  return {
      [this](flush_request& request) {
        gathered_.push_back(std::move(request));
        // The message to itself comes in line behind all that has arrived so far: that is the group.
        if (!turn_is_coming_) {
          turn_is_coming_ = true;
          send(this, caf::tick_atom_v);
        }
      },
      [this](directory_order& order) { std::visit([this](auto& what) { obey(what); }, order.what); },
      [this](caf::tick_atom) {
        turn_is_coming_ = false;
        sync_gathered();
        remove_due();
      },
  };
}

void flusher::on_exit() {
  gathered_.clear();
  tracked_.clear();
  directory_.reset(); // gives up the lock
}

void flusher::sync_gathered() {
  auto group = std::move(gathered_);
  gathered_.clear();
  for (auto& request : group) {
    if (!is_offline())
      if (auto synced = request.ticket.sync(); !synced)
        go_offline(synced.error());
    flush_outcome outcome;
    outcome.end_offset = request.ticket.end_offset;
    outcome.code = offline_.code;
    outcome.message = offline_.detail;
    request.ticket = {}; // its files may close before the answer is handled
    caf::anon_send(request.answer_to, std::move(outcome));
  }
}

void flusher::go_offline(const error& cause) {
  offline_ = {errc::log_dir_offline, "log directory " + directory_->path() + " is offline: " + cause.to_string()};
  CAFKA_LOG_ERROR(
      "{}. Nothing more is written there; what was not yet acknowledged is in doubt. Reads go on. Restart the node when the disk is sound.",
      offline_.detail);
  if (with_.report)
    with_.report(directory_failed{directory_->path(), offline_.detail});
}

void flusher::remove_due() {
  const auto now_ms = with_.time->monotonic_ms();
  while (!removals_.empty() && removals_.front().due_ms <= now_ms) {
    if (auto removed = with_.files->remove_all(removals_.front().path); !removed)
      CAFKA_LOG_WARN("cannot remove {}: {}", removals_.front().path, removed.error().to_string());
    removals_.erase(removals_.begin());
  }
}

void flusher::obey(remove_files& order) {
  for (auto& path : order.paths)
    remove_later(std::move(path), order.delay_ms);
  remove_due();
}

void flusher::remove_later(std::string path, std::int64_t delay_ms) {
  const auto due_ms = with_.time->monotonic_ms() + delay_ms;
  const auto place = std::find_if(removals_.begin(), removals_.end(), [due_ms](const removal& r) { return r.due_ms > due_ms; });
  removals_.insert(place, removal{due_ms, std::move(path)});
  if (delay_ms > 0)
    delayed_send(this, std::chrono::milliseconds(delay_ms), caf::tick_atom_v);
}

void flusher::obey(retire_partition& order) {
  if (const auto known = tracked_.find(order.name); known != tracked_.end() && known->second == order.marks) {
    tracked_.erase(known);
    ++tracked_version_;
  }
  auto path = directory_->retire_partition(order.name, order.tag);
  if (!path) {
    CAFKA_LOG_WARN("cannot retire {} in {}: {}", order.name.to_string(), directory_->path(), path.error().to_string());
    order.done.deliver(fail(path.error().code, path.error().detail));
    return;
  }
  remove_later(std::move(*path), order.delay_ms);
  remove_due();
  order.done.deliver({});
}

void flusher::obey(track_partition& order) {
  ++tracked_version_;
  if (order.marks)
    tracked_[order.name] = std::move(order.marks);
  else
    tracked_.erase(order.name);
}

void flusher::obey(write_checkpoints& order) {
  order.done.deliver(write_all(order.recovery_points, order.log_start_offsets, order.high_watermarks));
}

void flusher::obey(write_clean_marker& order) {
  auto outcome = write_all(true, true, true);
  if (outcome)
    outcome = directory_->write_clean_marker({order.broker_epoch, order.incarnation_id});
  if (outcome) // what is found here without a marker later was written by somebody else
    (void)with_.files->remove(directory_->path() + '/' + std::string{boot_file});
  order.done.deliver(std::move(outcome));
}

void flusher::obey(set_aside& order) {
  if (is_offline()) {
    order.done.deliver(fail(offline_.code, offline_.detail));
    return;
  }
  const auto renamed = directory_->set_aside(order.name, order.tag);
  if (!renamed) {
    CAFKA_LOG_WARN("cannot set {} in {} aside: {}", order.name.to_string(), directory_->path(), renamed.error().to_string());
    order.done.deliver(fail(renamed.error().code, renamed.error().detail));
    return;
  }
  if (!renamed->empty())
    CAFKA_LOG_WARN("{} in {} is no longer that partition's: it is kept as {} until somebody removes it", order.name.to_string(),
                   directory_->path(), *renamed);
  if (order.marks)
    tracked_[order.name] = std::move(order.marks);
  else
    tracked_.erase(order.name);
  ++tracked_version_;
  order.done.deliver(write_all(true, true, true));
}

// Not removed: a directory without one was last written by Kafka.
void flusher::obey(forget_boot&) {
  if (is_offline())
    return;
  if (auto noted = with_.files->replace_text(directory_->path() + '/' + std::string{boot_file}, "a directory failed"); !noted)
    CAFKA_LOG_WARN("cannot note in {} that another directory failed: {}", directory_->path(), noted.error().to_string());
}

void flusher::obey(take_offline& order) {
  if (!is_offline())
    go_offline({errc::io_error, std::move(order.reason)});
}

void flusher::obey(measure_volume& order) {
  if (is_offline()) {
    order.done.deliver(fail(offline_.code, offline_.detail));
    return;
  }
  const auto told = [](const result<std::uint64_t>& bytes) {
    return bytes ? static_cast<std::int64_t>(std::min<std::uint64_t>(*bytes, INT64_MAX)) : std::int64_t{-1};
  };
  order.done.deliver(
      volume_space{told(with_.files->total_bytes(directory_->path())), told(with_.files->available_bytes(directory_->path()))});
}

result<void> flusher::write_all(bool recovery_points, bool log_start_offsets, bool high_watermarks) {
  using storage::log_directory;
  if (is_offline())
    return fail(offline_.code, offline_.detail);
  result<void> outcome;
  if (recovery_points)
    outcome = write_checkpoint(&partition_marks::recovery_point, &log_directory::write_recovery_points, written_recovery_points_);
  if (outcome && log_start_offsets)
    outcome = write_checkpoint(&partition_marks::log_start_offset, &log_directory::write_log_start_offsets, written_log_start_offsets_);
  if (outcome && high_watermarks)
    outcome = write_checkpoint(&partition_marks::high_watermark, &log_directory::write_high_watermarks, written_high_watermarks_);
  if (outcome)
    return outcome;
  // A full disk loses nothing that was promised: the old checkpoint stands. Anything else may be the disk's end.
  if (outcome.error().code == errc::no_space || outcome.error().code == errc::too_many_files)
    CAFKA_LOG_WARN("checkpoint in {} not written: {}", directory_->path(), outcome.error().to_string());
  else
    go_offline(outcome.error());
  return outcome;
}

result<void> flusher::write_checkpoint(mark what, writer write, written& last) {
  written now{tracked_version_, {}};
  now.offsets.reserve(tracked_.size());
  for (const auto& [name, marks] : tracked_)
    now.offsets.push_back(((*marks).*what).load(std::memory_order_acquire));
  if (now == last)
    return {};
  storage::offset_map offsets;
  auto next = now.offsets.begin();
  for (const auto& [name, marks] : tracked_)
    offsets.emplace_hint(offsets.end(), name, *next++);
  CAFKA_TRY((*directory_.*write)(offsets));
  last = std::move(now);
  return {};
}

} // namespace cafka::actors
