#include "support/fake_service.hpp"

#include <algorithm>
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

namespace cafka::test {

memory_backed_file::memory_backed_file(bool has_descriptor)
    : has_descriptor_(has_descriptor), descriptor_(::memfd_create("cafka-test", MFD_CLOEXEC)) {
  if (descriptor_ < 0)
    std::abort();
}

memory_backed_file::~memory_backed_file() { ::close(descriptor_); }

result<std::size_t> memory_backed_file::read_at(std::uint64_t position, mutable_byte_span into) const {
  const auto count = ::pread(descriptor_, into.data(), into.size(), static_cast<off_t>(position));
  if (count < 0)
    return fail(errc::io_error, "pread");
  return static_cast<std::size_t>(count);
}

result<void> memory_backed_file::append(std::span<const byte_span> parts) {
  for (auto part : parts) {
    if (::pwrite(descriptor_, part.data(), part.size(), static_cast<off_t>(size_bytes_)) != static_cast<ssize_t>(part.size()))
      return fail(errc::io_error, "pwrite");
    size_bytes_ += part.size();
  }
  return {};
}

result<void> memory_backed_file::truncate(std::uint64_t size_bytes) {
  if (::ftruncate(descriptor_, static_cast<off_t>(size_bytes)) != 0)
    return fail(errc::io_error, "ftruncate");
  size_bytes_ = size_bytes;
  return {};
}

fake_service::fake_service() { add_broker(1, false); }

void fake_service::add_broker(node_id id, bool fenced) {
  metadata::register_broker_record broker;
  broker.broker_id = id;
  broker.broker_epoch = 1;
  broker.incarnation_id.bytes[0] = 9;
  auto& address = broker.endpoints.emplace_back();
  address.name = "PLAINTEXT";
  address.host = "127.0.0.1";
  address.port = 9092;
  broker.fenced = fenced;
  replay(broker);
  image_ = builder_.build().next;
}

void fake_service::replay(const metadata::metadata_record& record) {
  if (!builder_.replay(metadata_offset_++, 1, record))
    std::abort();
}

uuid fake_service::add_topic(const std::string& name, std::int32_t partitions, bool files_have_descriptors) {
  uuid id;
  id.bytes[0] = 7;
  id.bytes[15] = static_cast<std::uint8_t>(image_->topics().size() + 1);
  metadata::topic_record topic;
  topic.name = name;
  topic.topic_id = id;
  replay(topic);
  for (std::int32_t number = 0; number < partitions; ++number) {
    metadata::partition_record partition;
    partition.partition_id = number;
    partition.topic_id = id;
    partition.replicas = {1};
    partition.isr = {1};
    partition.leader = 1;
    partition.leader_epoch = 5;
    partition.partition_epoch = 0;
    partition.directories = {uuid{}};
    replay(partition);
    std::lock_guard lock(mutex_);
    partitions_[{id, number}].file = std::make_shared<memory_backed_file>(files_have_descriptors);
  }
  image_ = builder_.build().next;
  return id;
}

void fake_service::append(topic_id_partition partition, byte_span batch) {
  std::vector<std::pair<std::weak_ptr<net::fetch_sink>, std::uint32_t>> fired;
  {
    std::lock_guard lock(mutex_);
    auto& state = partitions_.at(partition);
    state.batches.emplace_back(*state.file->size(), static_cast<std::uint32_t>(batch.size()));
    if (!state.file->append(std::span(&batch, 1)))
      std::abort();
    fired.swap(state.watches);
  }
  for (auto& [weak, index] : fired)
    if (auto sink = weak.lock())
      sink->data_available(index);
}

storage::file& fake_service::file_of(topic_id_partition partition) { return *partitions_.at(partition).file; }

void fake_service::hold_answers() {
  std::lock_guard lock(mutex_);
  holds_ = true;
}

std::size_t fake_service::release(bool backwards) {
  std::deque<std::function<void()>> held;
  {
    std::lock_guard lock(mutex_);
    holds_ = false;
    held.swap(held_);
  }
  if (backwards)
    std::reverse(held.begin(), held.end());
  for (auto& each : held)
    each();
  return held.size();
}

std::size_t fake_service::held() const {
  std::lock_guard lock(mutex_);
  return held_.size();
}

std::size_t fake_service::watches() const {
  std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const auto& [partition, state] : partitions_)
    for (const auto& [sink, index] : state.watches)
      count += sink.expired() ? 0 : 1;
  return count;
}

void fake_service::answer(std::function<void()> with) {
  {
    std::lock_guard lock(mutex_);
    if (holds_) {
      held_.push_back(std::move(with));
      return;
    }
  }
  with();
}

net::node_description fake_service::describe_node() const { return {1, "fake-cluster", "0.0.0", 100 << 20, 1 << 20, 50 << 20}; }

void fake_service::produce(net::produce_task task, std::uint32_t index, std::shared_ptr<net::produce_sink> sink) {
  ++produce_calls;
  deadlines.push_back(task.deadline_monotonic_ms);
  answer([this, task = std::move(task), index, sink = std::move(sink)] {
    net::produce_outcome outcome;
    outcome.code = produce_error_;
    outcome.leader_epoch = 5;
    if (produce_error_ == errc::none) {
      {
        std::lock_guard lock(mutex_);
        outcome.base_offset = static_cast<std::int64_t>(partitions_.at(task.partition).batches.size());
        outcome.log_start_offset = partitions_.at(task.partition).log_start_offset;
      }
      append(task.partition, task.batch);
    }
    sink->produce_done(index, std::move(outcome));
  });
}

net::fetch_outcome fake_service::read(const net::fetch_task& task, const std::shared_ptr<net::fetch_sink>& sink, std::uint32_t index) {
  std::lock_guard lock(mutex_);
  auto& state = partitions_.at(task.partition);
  const auto end = static_cast<std::int64_t>(state.batches.size());
  net::fetch_outcome outcome;
  outcome.high_watermark = outcome.last_stable_offset = end;
  outcome.log_start_offset = state.log_start_offset;
  outcome.leader_epoch = 5;
  outcome.records.next_offset = task.offset;
  if (task.offset < state.log_start_offset || task.offset > end) {
    outcome.code = errc::offset_out_of_range;
    return outcome;
  }
  for (auto offset = task.offset; offset < end; ++offset) {
    const auto [position, size] = state.batches[static_cast<std::size_t>(offset)];
    const bool is_first = outcome.records.size_bytes == 0;
    if (outcome.records.size_bytes + size > task.max_bytes && !(is_first && task.at_least_one))
      break;
    outcome.records.slices.push_back({state.file, position, size});
    outcome.records.size_bytes += size;
    outcome.records.next_offset = offset + 1;
  }
  if (task.offset == end && task.watch_when_empty) {
    state.watches.emplace_back(sink, index);
    outcome.watching = true;
  }
  return outcome;
}

void fake_service::fetch(net::fetch_task task, std::uint32_t index, std::shared_ptr<net::fetch_sink> sink) {
  ++fetch_calls;
  fetched.push_back(task.partition);
  answer([this, task = std::move(task), index, sink = std::move(sink)] { sink->fetch_done(index, read(task, sink, index)); });
}

void fake_service::list_offset(topic_id_partition partition, std::int32_t, std::int64_t timestamp, net::isolation,
                               net::completion<storage::timestamp_and_offset> done) {
  answer([this, partition, timestamp, done = std::move(done)] {
    std::unique_lock lock(mutex_);
    auto& state = partitions_.at(partition);
    const auto offset = timestamp == net::earliest_timestamp ? state.log_start_offset : static_cast<std::int64_t>(state.batches.size());
    lock.unlock();
    done(storage::timestamp_and_offset{-1, offset, 5});
  });
}

void fake_service::delete_records(topic_id_partition partition, std::int64_t offset, std::int64_t, net::completion<std::int64_t> done) {
  answer([this, partition, offset, done = std::move(done)] {
    std::unique_lock lock(mutex_);
    auto& state = partitions_.at(partition);
    const auto end = static_cast<std::int64_t>(state.batches.size());
    if (offset > end) {
      lock.unlock();
      done(fail(errc::offset_out_of_range, "past the end"));
      return;
    }
    state.log_start_offset = offset < 0 ? end : offset;
    const auto start = state.log_start_offset;
    lock.unlock();
    done(start);
  });
}

void fake_service::end_offset_for_epoch(topic_id_partition, std::int32_t, std::int32_t, net::completion<storage::epoch_end> done) {
  answer([this, done = std::move(done)] { done(epoch_ends); });
}

void fake_service::create_topics(std::vector<metadata::new_topic> topics, bool validate_only,
                                 net::completion<std::vector<metadata::topic_outcome>> done) {
  created = topics;
  asked_to_validate_only = validate_only;
  if (topic_answer)
    return answer([told = *std::exchange(topic_answer, std::nullopt), done = std::move(done)] { done(told); });
  answer([this, topics = std::move(topics), validate_only, done = std::move(done)] {
    std::vector<metadata::topic_outcome> outcomes;
    for (const auto& topic : topics) {
      metadata::topic_outcome outcome;
      outcome.name = topic.name;
      if (image_->find_topic(topic.name) != nullptr) {
        outcome.code = errc::topic_already_exists;
        outcome.message = "topic " + topic.name + " exists";
      } else {
        outcome.partition_count = topic.partition_count < 0 ? 1 : topic.partition_count;
        outcome.replication_factor = topic.replication_factor < 0 ? std::int16_t{1} : topic.replication_factor;
        if (!validate_only)
          outcome.topic_id = add_topic(topic.name, outcome.partition_count);
      }
      outcomes.push_back(std::move(outcome));
    }
    done(std::move(outcomes));
  });
}

void fake_service::delete_topics(std::vector<metadata::topic_ref> topics, net::completion<std::vector<metadata::topic_outcome>> done) {
  deleted = topics;
  if (topic_answer)
    return answer([told = *std::exchange(topic_answer, std::nullopt), done = std::move(done)] { done(told); });
  answer([topics = std::move(topics), done = std::move(done)] {
    std::vector<metadata::topic_outcome> outcomes;
    for (const auto& topic : topics)
      outcomes.push_back({.name = topic.name, .topic_id = topic.topic_id, .message = {}});
    done(std::move(outcomes));
  });
}

void fake_service::elect_leaders(metadata::election_kind kind, std::vector<topic_partition> partitions,
                                 net::completion<std::vector<metadata::election_outcome>> done) {
  asked_election = kind;
  std::vector<metadata::election_outcome> told;
  for (auto& each : partitions)
    told.push_back({std::move(each), told.size() % 2 == 0 ? errc::none : errc::election_not_needed, {}});
  answer([told = std::move(told), done = std::move(done)] { done(told); });
}

void fake_service::describe_quorum(net::completion<election::quorum_description> done) {
  answer([told = quorum_answer, done = std::move(done)] { done(told); });
}

void fake_service::create_partitions(std::vector<metadata::new_partitions> topics, bool validate_only,
                                     net::completion<std::vector<metadata::topic_outcome>> done) {
  added_partitions = std::move(topics);
  asked_to_validate_only = validate_only;
  if (topic_answer)
    return answer([told = *std::exchange(topic_answer, std::nullopt), done = std::move(done)] { done(told); });
  answer([done = std::move(done)] { done(fail(errc::not_controller, "ask node 2")); });
}

void fake_service::alter_configs(std::vector<metadata::alter_config> changes, bool validate_only,
                                 net::completion<std::vector<metadata::config_outcome>> done) {
  altered = changes;
  asked_to_validate_only = validate_only;
  answer([changes = std::move(changes), done = std::move(done)] {
    std::vector<metadata::config_outcome> outcomes;
    for (const auto& change : changes) {
      metadata::config_outcome outcome{change.resource, errc::none, {}};
      for (const auto& each : change.changes)
        if (each.key == "no.such.key") {
          outcome.code = errc::invalid_config;
          outcome.message = "unknown key " + each.key;
        }
      outcomes.push_back(std::move(outcome));
    }
    done(std::move(outcomes));
  });
}

std::vector<metadata::config_entry> fake_service::topic_configs(const metadata::config_map& own) const {
  std::vector<metadata::config_entry> entries;
  for (const auto& [key, value] : own) {
    auto& entry = entries.emplace_back();
    entry.key = key;
    entry.value = value;
    entry.source = metadata::config_source::topic;
  }
  return entries;
}

void fake_service::describe_log_dirs(net::completion<std::vector<net::log_dir_description>> done) {
  answer([this, done = std::move(done)] { done(log_dirs); });
}

void fake_service::init_producer_id(net::completion<net::producer_id_and_epoch> done) {
  answer([this, done = std::move(done)] { done(net::producer_id_and_epoch{next_producer_id_++, 0}); });
}

void fake_service::describe_configs(metadata::config_key resource, net::completion<std::vector<metadata::config_entry>> done) {
  answer([resource = std::move(resource), done = std::move(done)] {
    if (resource.name == "absent") {
      done(fail(errc::unknown_topic_or_partition, "there is no topic absent"));
      return;
    }
    metadata::config_entry shown;
    shown.key = "retention.ms";
    shown.value = "604800000";
    shown.source = metadata::config_source::default_value;
    shown.type = "long";
    shown.synonyms = {{"log.retention.hours", "168", metadata::config_source::default_value}};
    shown.documentation = "How long.";
    metadata::config_entry hidden;
    hidden.key = "ssl.key.password";
    hidden.sensitive = true;
    done(std::vector{shown, hidden});
  });
}

} // namespace cafka::test
