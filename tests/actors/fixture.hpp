// One log directory on a simulated disk, its flusher, and partitions beside it, all under CAF's deterministic coordinator: nothing runs until
// the test says so, time moves only by advance().
#pragma once
#include "actors/flusher.hpp"
#include "actors/partition.hpp"
#include "actors/producer_files.hpp"
#include "support/faulting_file_system.hpp"
#include "support/memory_file_system.hpp"

#include <caf/test/dsl.hpp>

#include <vector>

namespace cafka::actors::test {

using namespace cafka::test;

class produce_results final : public net::produce_sink {
public:
  void produce_done(std::uint32_t index, net::produce_outcome outcome) override {
    indexes.push_back(index);
    outcomes.push_back(std::move(outcome));
  }
  [[nodiscard]] std::size_t count() const { return outcomes.size(); }
  [[nodiscard]] const net::produce_outcome& last() const { return outcomes.back(); }
  std::vector<std::uint32_t> indexes;
  std::vector<net::produce_outcome> outcomes;
};

class fetch_results final : public net::fetch_sink {
public:
  void fetch_done(std::uint32_t, net::fetch_outcome outcome) override { outcomes.push_back(std::move(outcome)); }
  void data_available(std::uint32_t index) override { available.push_back(index); }
  [[nodiscard]] const net::fetch_outcome& last() const { return outcomes.back(); }
  std::vector<net::fetch_outcome> outcomes;
  std::vector<std::uint32_t> available;
};

class batch_frame final : public net::frame {
public:
  explicit batch_frame(byte_vector bytes) : storage_(std::move(bytes)) { bytes_ = storage_; }

private:
  byte_vector storage_;
};

inline byte_vector make_batch(std::string_view value, std::int64_t timestamp, int records = 1) {
  storage::batch_builder builder;
  for (int i = 0; i < records; ++i)
    builder.add(timestamp, as_byte_span("key"), as_byte_span(value));
  byte_vector batch;
  (void)builder.build({}, batch);
  return batch;
}

inline uuid topic_id_of(std::uint64_t seed) {
  prng source{seed};
  return uuid::random(source);
}

struct actors_fixture : test_coordinator_fixture<> {
  actors_fixture() {
    environment->node = 1;
    environment->log_directory = "/data";
    environment->time = &time;
    environment->board = &board;
    environment->load = &load;
    environment->report = [this](directory_failed failure) { failures.push_back(std::move(failure)); };
    environment->flusher = spawn_flusher();
    settings = with_durability(storage::durability_mode::fsync);
  }
  ~actors_fixture() {
    sched.run();
    for (auto& each : spawned)
      caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(environment->flusher, caf::exit_reason::user_shutdown);
    sched.run();
    environment->flusher = nullptr;
  }

  flusher_actor spawn_flusher(const std::string& path = "/data") {
    auto directory = storage::log_directory::open(pool, path, true);
    flusher::dependencies needs;
    needs.files = &files;
    needs.time = &time;
    needs.report = [this](directory_failed failure) { failures.push_back(std::move(failure)); };
    return sys.spawn<flusher>(std::move(*directory), std::move(needs));
  }

  static settings_ptr with_durability(storage::durability_mode mode) {
    partition_settings made;
    made.log.durability = mode;
    return std::make_shared<const partition_settings>(made);
  }

  open_partition open_log(std::int32_t number = 0) {
    storage::log_open_options options;
    options.clean = clean;
    options.name = {"topic", number};
    options.topic_id = topic_id_of(1);
    options.config = settings->log;
    options.now_ms = time.wall_ms();
    options.recovery_point = marks->recovery_point;
    auto log = storage::partition_log::open(pool, "/data/topic-" + std::to_string(number), options);
    if (!log)
      CAF_FAIL("cannot open: " << log.error().to_string());
    auto producers = load_producers(**log, producer_limits, options);
    if (!producers)
      CAF_FAIL("cannot load producers: " << producers.error().to_string());
    return {std::move(*log), std::move(*producers)};
  }

  partition_actor spawn_partition(std::int32_t number = 0) {
    auto start = std::make_shared<partition_start>();
    start->name = {"topic", number};
    start->topic_id = topic_id_of(1);
    start->environment = environment;
    auto opened = open_log(number);
    start->log = std::move(opened.log);
    start->producers = std::move(opened.producers);
    start->settings = settings;
    start->marks = marks;
    auto actor = spawn_on<partition>(sys, nullptr, std::move(start));
    spawned.push_back(actor);
    return actor;
  }
  static metadata::partition_registration registration(std::int32_t leader_epoch) {
    metadata::partition_registration made;
    made.replicas = made.isr = {1};
    made.leader = 1;
    made.leader_epoch = made.partition_epoch = leader_epoch;
    return made;
  }
  void lead(const partition_actor& actor, std::int32_t leader_epoch = 0) {
    caf::anon_send(actor, partition_order{leadership{topic_id_of(1), registration(leader_epoch), nullptr}});
    sched.run();
  }
  partition_actor leading_partition() {
    auto actor = spawn_partition();
    lead(actor);
    return actor;
  }

  void produce(const partition_actor& to, const std::shared_ptr<produce_results>& sink, std::string_view value = "value",
               net::required_acks acks = net::required_acks::all, std::int64_t timeout_ms = 30'000) {
    produce_bytes(to, sink, make_batch(value, time.wall_ms()), acks, timeout_ms);
  }
  void produce_bytes(const partition_actor& to, const std::shared_ptr<produce_results>& sink, byte_vector bytes,
                     net::required_acks acks = net::required_acks::all, std::int64_t timeout_ms = 30'000) {
    auto frame = std::make_shared<batch_frame>(std::move(bytes));
    net::produce_task task;
    task.acks = acks;
    task.deadline_monotonic_ms = time.monotonic_ms() + timeout_ms;
    task.batch = frame->bytes();
    task.owner = frame;
    last_frame = frame;
    caf::anon_send(to, produce_request{std::move(task), produce_reply{sink, static_cast<std::uint32_t>(sink->count())}});
  }
  void fetch(const partition_actor& from, const std::shared_ptr<fetch_results>& sink, std::int64_t offset, bool watch = false,
             std::int32_t current_leader_epoch = -1) {
    net::fetch_task task;
    task.offset = offset;
    task.watch_when_empty = watch;
    task.current_leader_epoch = current_leader_epoch;
    caf::anon_send(from, fetch_request{std::move(task), fetch_reply{sink, 7}});
  }

  // One message of one actor. False: it has none.
  template <class Handle>
  bool step(const Handle& actor) {
    return sched.prioritize(actor) && sched.try_run_once();
  }
  template <class Handle>
  void run_only(const Handle& actor) {
    while (step(actor)) {
    }
  }
  void advance(std::int64_t ms) {
    time.advance(ms);
    sched.clock().advance_time(std::chrono::milliseconds(ms));
    sched.run();
  }
  // From now on every sync fails.
  void break_syncs() {
    files.set_plan([this](const operation& what) {
      if (what.kind != operation_kind::sync)
        return fault::none;
      ++failed_syncs;
      return fault::io_error;
    });
  }

  memory_file_system disk;
  faulting_file_system files{disk};
  storage::file_pool pool{files, 64};
  manual_clock time;
  maintenance_board board;
  node_load load{1000, 1000};
  std::shared_ptr<partition_environment> environment = std::make_shared<partition_environment>();
  marks_ptr marks = std::make_shared<partition_marks>();
  settings_ptr settings;
  replication::producer_limits producer_limits;
  bool clean = false; // how the next partition finds its log
  std::vector<partition_actor> spawned;
  std::vector<directory_failed> failures;
  std::weak_ptr<const net::frame> last_frame;
  int failed_syncs = 0;
};

} // namespace cafka::actors::test
