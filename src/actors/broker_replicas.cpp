// The broker actor: a replica's life from opening to retirement, and the routes that follow from it.
#include "actors/broker.hpp"

#include "base/log.hpp"
#include "metadata/replica_places.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <chrono>
#include <malloc.h>

namespace cafka::actors {

namespace {

constexpr std::size_t jobs_per_request = 64; // small enough for progress and for sharing the work between openers
constexpr std::int32_t max_deaths = 5;       // within …
constexpr std::int64_t deaths_window_ms = 60'000;
constexpr std::size_t trim_after = 1'000; // so many openings leave the allocator with memory that nobody will want again
constexpr std::int64_t progress_interval_ms = 2'000;

} // namespace

std::size_t broker::choose_directory(const topic_partition& name, const metadata::partition_registration& registration) const {
  const auto assigned = directory_of(registration, with_->config->id);
  const auto& all = with_->directories;
  std::optional<std::size_t> said, found;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!assigned.is_zero() && all[i].id == assigned)
      said = i;
    if (!found && all[i].found.contains(name))
      found = i;
  }
  // Not where it would begin with nothing while its records are counted on: somebody has moved its files.
  if (said && (!found || all[*said].found.contains(name) || !is_counted_on(registration, with_->config->id)))
    return *said;
  return found ? *found : fewest_replicas().value_or(0);
}

std::optional<std::size_t> broker::fewest_replicas() const {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < with_->directories.size(); ++i)
    if (!failed_directories_.contains(i) && (!best || replicas_in_[i] < replicas_in_[*best]))
      best = i;
  return best;
}

shard* broker::shard_of(const uuid& topic_id, std::int32_t number) const {
  if (with_->shards.empty())
    return nullptr;
  // Consecutive partitions of a topic go round the shards.
  return with_->shards[(std::hash<uuid>{}(topic_id) + static_cast<std::size_t>(number)) % with_->shards.size()];
}

broker::replica* broker::find(const topic_id_partition& what) {
  const auto of = topics_.find(what.topic_id);
  if (of == topics_.end())
    return nullptr;
  const auto known = of->second.replicas.find(what.partition);
  return known == of->second.replicas.end() ? nullptr : &known->second;
}

// -- opening ----------------------------------------------------------------------------------------------------------

void broker::make_marks(replica& what) {
  auto& directory = with_->directories[what.directory];
  const auto take = [&](storage::offset_map& offsets) {
    const auto known = offsets.extract(what.name);
    return known ? known.mapped() : std::int64_t{0};
  };
  what.marks = std::make_shared<partition_marks>();
  what.marks->recovery_point = take(directory.recovery_points);
  what.marks->log_start_offset = take(directory.log_start_offsets);
  what.marks->high_watermark = take(directory.high_watermarks);
  // Before it is open: a checkpoint written meanwhile, or while it is quarantined, must not forget what is known of it.
  caf::anon_send(directory.environment->flusher, directory_order{track_partition{what.name, what.marks}});
  directory.found.erase(what.name);
}

void broker::keep_leftovers() {
  for (std::size_t i = 0; i < with_->directories.size(); ++i) {
    const auto found = with_->directories[i].found; // make_marks() takes from it
    for (const auto& [name, path] : found) {
      if (name.topic == metadata::metadata_topic)
        continue;
      CAFKA_LOG_WARN("{} belongs to no topic of this cluster: it is left alone and not served", path);
      replica unserved;
      unserved.name = name;
      unserved.directory = i;
      make_marks(unserved);
      with_->directories[i].found.emplace(name, path); // so that a topic made under this name meets it and is refused
    }
    with_->directories[i].recovery_points.clear();
    with_->directories[i].log_start_offsets.clear();
    with_->directories[i].high_watermarks.clear();
  }
}

void broker::open_later(const uuid& topic_id, const topic& of, replica& what, bool clean) {
  if (!what.marks)
    make_marks(what);
  what.state = phase::opening;
  if (retiring_.contains(what.name))
    deferred_.emplace_back(topic_id_partition{topic_id, what.name.partition}, clean);
  else
    jobs_[what.directory].push_back(make_job(topic_id, of, what, clean));
}

open_job broker::make_job(const uuid& topic_id, const topic& of, const replica& what, bool clean) const {
  const auto& directory = with_->directories[what.directory];
  open_job job;
  job.directory = directory.path + '/' + what.name.to_string();
  job.options.name = what.name;
  job.options.topic_id = topic_id;
  job.options.config = of.settings->log;
  job.options.recovery_point = what.marks->recovery_point;
  job.options.log_start_offset = what.marks->log_start_offset;
  job.options.clean = clean;
  job.options.written_by_kafka = directory.written_by_kafka;
  job.options.now_ms = with_->time->wall_ms();
  job.producers.expiration_ms = of.settings->producer_expiration_ms;
  job.producers.max_producers = static_cast<std::size_t>(with_->config->max_producers_per_partition);
  job.options.report = [](std::string_view message) { CAFKA_LOG_INFO("{}", message); };
  return job;
}

void broker::send_open_jobs() {
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    auto all = std::move(jobs_[i]);
    jobs_[i].clear();
    const auto& openers = with_->directories[i].openers;
    std::size_t turn = 0;
    for (std::size_t first = 0; first < all.size(); first += jobs_per_request) {
      open_request some;
      const auto last = std::min(first + jobs_per_request, all.size());
      some.jobs.assign(std::make_move_iterator(all.begin() + static_cast<std::ptrdiff_t>(first)),
                       std::make_move_iterator(all.begin() + static_cast<std::ptrdiff_t>(last)));
      if (opening_ == 0) {
        opening_since_ms_ = progress_told_ms_ = with_->time->monotonic_ms();
        opened_ = 0;
      }
      opening_ += some.jobs.size();
      auto names = std::make_shared<std::vector<opened_log>>();
      for (const auto& job : some.jobs)
        names->push_back({job.options.name, job.options.topic_id, fail(errc::unknown_server_error, "its opener died")});
      // No time-out: recovery of a large log takes what it takes, and an opener that dies is reported as an error.
      request(openers[turn++ % openers.size()], caf::infinite, std::move(some))
          .then([this](open_outcome& outcome) { opened(outcome.logs); }, [this, names](const caf::error&) { opened(*names); });
    }
  }
}

void broker::opened(std::vector<opened_log>& logs) {
  std::vector<token> released; // only after the routes are out
  std::vector<directory_failed> broken;
  for (auto& each : logs) {
    --opening_;
    ++opened_;
    const auto of = topics_.find(each.topic_id);
    auto* what = find({each.topic_id, each.name.partition});
    if (of == topics_.end() || !what)
      continue;
    std::move(what->waiting.begin(), what->waiting.end(), std::back_inserter(released));
    what->waiting.clear();
    if (stopping_) {
      all_flushed_ = all_flushed_ && !each.log; // opened, but never closed
      continue;
    }
    what->files_are_ours = each.log || each.log.error().code != errc::inconsistent_topic_id;
    if (!each.log) {
      set_offline(of->second, *what, each.log.error().to_string());
      if (each.log.error().code == errc::quarantined)
        note_failed(each.topic_id, *what);
      else if (each.log.error().code == errc::io_error && with_->directories.size() > 1) // else the rest is better served than nothing
        broken.push_back({with_->directories[what->directory].path, each.log.error().to_string()});
    } else if (!what->retire_after)
      serve(each.topic_id, of->second, *what, *each.log);
    if (what->retire_after) {
      each.log = fail(errc::cancelled); // closes the files first
      what->waiting = std::move(released);
      released.clear();
      finish_retiring(each.topic_id, each.name.partition);
    }
  }
  for (auto& each : broken)
    obey(each);
  report_failed();
  const auto now_ms = with_->time->monotonic_ms();
  if (opening_ > 0 && now_ms - progress_told_ms_ >= progress_interval_ms) {
    progress_told_ms_ = now_ms;
    CAFKA_LOG_INFO("opened {} of {} partitions in {} ms", opened_, opened_ + opening_, now_ms - opening_since_ms_);
  }
  publish_routes();
  if (opening_ == 0 && opened_ >= trim_after)
    ::malloc_trim(0);
  check_stopped();
}

void broker::serve(const uuid& topic_id, topic& of, replica& what, log_box& log) {
  const auto& directory = with_->directories[what.directory];
  auto start = std::make_shared<partition_start>();
  start->name = what.name;
  start->topic_id = topic_id;
  start->environment = directory.environment;
  start->log = std::move(log->log);
  start->producers = std::move(log->producers);
  start->producers.set_expiration(of.settings->producer_expiration_ms); // may have changed since it was asked for
  start->settings = of.settings;
  start->marks = what.marks;
  what.actor = spawn_on<partition>(system(), shard_of(topic_id, what.name.partition), std::move(start));
  what.state = phase::serving;
  what.offline_reason.clear();
  by_actor_[what.actor.id()] = {topic_id, what.name.partition};
  monitor(what.actor);
  if (failed_directories_.contains(what.directory)) {
    caf::anon_send(what.actor, partition_order{went_offline{"log directory " + directory.path + " is offline"}});
    note_failed(topic_id, what);
  }
  lead(topic_id, what);
  of.routes_changed = true;
}

void broker::lead(const uuid& topic_id, const replica& what) {
  const auto* known = image_->find_topic(topic_id);
  if (const auto* registration = known ? known->find_partition(what.name.partition) : nullptr)
    caf::anon_send(what.actor, partition_order{leadership{topic_id, *registration, brokers_}});
}

void broker::set_offline(topic& of, replica& what, std::string reason) {
  CAFKA_LOG_ERROR("{} is not served: {}. Its files are left as they are.", what.name.to_string(), reason);
  what.state = phase::offline;
  what.offline_reason = std::move(reason);
  what.actor = nullptr;
  of.routes_changed = true;
}

// -- death ------------------------------------------------------------------------------------------------------------

void broker::down(const caf::down_msg& message) {
  const auto entry = by_actor_.find(message.source.id());
  if (entry == by_actor_.end())
    return;
  const auto where = entry->second;
  by_actor_.erase(entry);
  const auto of = topics_.find(where.topic_id);
  if (auto* what = find(where)) {
    what->actor = nullptr;
    of->second.routes_changed = true;
    if (what->retire_after)
      finish_retiring(where.topic_id, where.partition);
    else if (!stopping_ && what->starts_over)
      begin_anew(where.topic_id, of->second, *what);
    else if (!stopping_)
      died(where.topic_id, of->second, *what, to_string(message.reason));
    else if (what->state != phase::closing)
      all_flushed_ = false;
  }
  publish_routes();
  check_stopped();
}

void broker::died(const uuid& topic_id, topic& of, replica& what, const std::string& why) {
  const auto now_ms = with_->time->monotonic_ms();
  if (now_ms - what.last_death_ms > deaths_window_ms)
    what.deaths = 0;
  what.last_death_ms = now_ms;
  ++what.deaths;
  CAFKA_LOG_ERROR("the actor of {} died ({}): what it had not acknowledged is in doubt", what.name.to_string(), why);
  if (what.deaths >= max_deaths) {
    set_offline(of, what, "its actor died " + std::to_string(what.deaths) + " times in a minute, last: " + why);
    return;
  }
  open_later(topic_id, of, what, false);
  send_open_jobs();
}

bool broker::stop_deferring(const uuid& topic_id, std::int32_t number) {
  const topic_id_partition name{topic_id, number};
  if (std::erase_if(deferred_, [&](const auto& entry) { return entry.first == name; }) == 0)
    return false;
  find(name)->files_are_ours = false;
  return true;
}

void broker::finish_retiring(const uuid& topic_id, std::int32_t number) {
  const auto of = topics_.find(topic_id);
  auto& what = of->second.replicas.at(number);
  auto& directory = with_->directories[what.directory];
  failed_replicas_.erase({topic_id, number});
  if (what.files_are_ours) {
    retire_partition order;
    order.name = what.name;
    order.marks = what.marks;
    order.tag = uuid::random(with_->random);
    order.delay_ms = of->second.settings->log.file_delete_delay_ms;
    // The deletion counts as applied when the directory has its new name.
    order.done = net::completion<void>{[self = caf::actor_cast<broker_actor>(this), name = what.name, waiting = std::move(what.waiting)](
                                           const result<void>&) { caf::anon_send(self, broker_order{partition_retired{name}}); }};
    retiring_.insert(what.name);
    caf::anon_send(directory.environment->flusher, directory_order{std::move(order)});
    directory.found.erase(what.name);
  } else if (what.holds_name) {
    caf::anon_send(caf::actor_cast<broker_actor>(this), broker_order{partition_retired{what.name}});
  }
  --replicas_in_[what.directory];
  of->second.replicas.erase(number);
  if (of->second.replicas.empty())
    topics_.erase(of);
}

void broker::obey(partition_retired& order) {
  retiring_.erase(order.name);
  std::erase_if(deferred_, [&](const auto& entry) {
    const auto of = topics_.find(entry.first.topic_id);
    auto* what = find(entry.first);
    if (!what)
      return true;
    if (what->name != order.name)
      return false;
    jobs_[what->directory].push_back(make_job(entry.first.topic_id, of->second, *what, entry.second));
    return true;
  });
  if (!stopping_)
    send_open_jobs();
}

// -- routes -----------------------------------------------------------------------------------------------------------

void broker::publish_routes() {
  auto changed = topics_.size() != published_topics_;
  for (auto& [topic_id, of] : topics_) {
    if (!of.routes_changed)
      continue;
    of.routes_changed = false;
    changed = true;
    auto routes = std::make_shared<topic_routes>();
    routes->topic_id = topic_id;
    for (const auto& [number, what] : of.replicas) {
      if (what.state == phase::serving && what.actor) {
        routes->by_partition.resize(std::max<std::size_t>(routes->by_partition.size(), static_cast<std::size_t>(number) + 1));
        routes->by_partition[static_cast<std::size_t>(number)] = what.actor;
      } else if (what.state == phase::offline) {
        routes->offline_reasons[number] = what.offline_reason;
      }
    }
    of.routes = std::move(routes);
  }
  if (!changed)
    return;
  published_topics_ = topics_.size();
  std::vector<topic_routes_ptr> all;
  all.reserve(topics_.size());
  for (const auto& [topic_id, of] : topics_)
    if (of.routes)
      all.push_back(of.routes);
  with_->routes->publish(std::make_shared<routing_table>(all));
}

} // namespace cafka::actors
