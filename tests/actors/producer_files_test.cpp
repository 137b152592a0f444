// Producers' state across starts: what is read, what is written, and that it is never anything but what the log says.
#define CAF_SUITE producer_files
#include "actors/producer_files.hpp"

#include "storage/segment_files.hpp"
#include "support/faulting_file_system.hpp"
#include "support/memory_file_system.hpp"
#include "support/producer_batches.hpp"

#include <caf/test/unit_test.hpp>

#include <filesystem>
#include <fstream>

using namespace cafka;
using namespace cafka::actors;
using namespace cafka::storage;
using namespace cafka::test;
using replication::producer_limits;
using replication::producer_state;

namespace {

const std::string directory = "/data/t-0";
constexpr std::int64_t start_ms = 1'700'000'000'000;
using entries = std::vector<producer_snapshot_entry>;

log_open_options options_with(bool clean, std::int64_t recovery_point = 0) {
  log_open_options options;
  options.name = {"t", 0};
  options.config.segment_bytes = 600;
  options.config.retention_ms = -1;
  options.config.file_delete_delay_ms = 1'000;
  options.now_ms = start_ms;
  options.clean = clean;
  options.recovery_point = recovery_point;
  return options;
}

std::vector<earlier_batch> sorted(std::vector<earlier_batch> batches) {
  std::sort(batches.begin(), batches.end(), [](const auto& a, const auto& b) { return a.last_offset < b.last_offset; });
  return batches;
}

// A log with its producers, as the partition actor keeps them.
struct life {
  explicit life(file_system& files) : pool(std::make_unique<file_pool>(files, 4)) {}

  result<void> open(const log_open_options& options) {
    log.reset();
    CAFKA_TRY_ASSIGN(opened, partition_log::open(*pool, directory, options));
    log = std::move(opened);
    CAFKA_TRY_ASSIGN(loaded, load_producers(*log, limits, options));
    state = std::move(loaded);
    log->on_roll([this](std::int64_t base_offset) { return snapshot_at_roll(*log, state, base_offset); });
    return {};
  }
  result<built_batch> append(producer_batch what) {
    what.base_offset = log->log_end_offset();
    auto made = build(what);
    CAFKA_TRY(log->append(made.header, made.bytes, start_ms));
    state.append(made.header);
    return made;
  }
  result<void> flush() {
    auto ticket = log->prepare_flush();
    if (!ticket)
      return {};
    CAFKA_TRY(ticket->sync());
    log->mark_flushed(ticket->end_offset);
    return {};
  }
  result<void> close() {
    CAFKA_TRY(snapshot_at_close(*log, state));
    return log->close();
  }

  std::unique_ptr<file_pool> pool;
  producer_limits limits;
  std::unique_ptr<partition_log> log;
  producer_state state;
};

struct fixture {
  fixture() { (void)files.create_directories("/data"); }
  void must(const result<void>& outcome) {
    if (!outcome)
      CAF_FAIL(outcome.error().to_string());
  }
  // As a crash leaves it, nothing lost.
  void reopen(bool clean = false) {
    auto options = options_with(clean, one.log ? one.log->flushed_end_offset() : 0);
    options.report = [this](std::string_view line) { reports.append(line).append("\n"); };
    must(one.open(options));
  }
  void fill(int batches) {
    for (int i = 0; i < batches; ++i) {
      const auto id = next % 3;
      CAF_REQUIRE(one.append({.id = id, .sequence = sequences[id]++, .value_bytes = 60}).has_value());
      ++next;
    }
    must(one.flush());
  }
  void spoil(std::int64_t offset) { disk.flip(segment_path(directory, offset, ".snapshot"), 7, std::byte{1}); }
  std::vector<earlier_batch> earlier_batches() const { return sorted(one.state.earlier_batches()); }
  bool exists(std::int64_t offset) { return disk.content(segment_path(directory, offset, ".snapshot")).has_value(); }

  memory_file_system disk;
  faulting_file_system files{disk};
  life one{files};
  std::int64_t next = 0;
  std::array<std::int32_t, 3> sequences{};
  std::string reports;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(loading, fixture)

CAF_TEST(transactions that kafka wrote give the snapshot that kafka wrote) {
  for (const auto& entry : std::filesystem::directory_iterator{CAFKA_TEST_DATA "/producers/transactions-0"}) {
    std::ifstream file{entry.path(), std::ios::binary};
    const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
    disk.write(directory + "/" + entry.path().filename().string(), as_byte_span(bytes));
  }
  auto options = options_with(true);
  must(one.open(options));
  CAF_CHECK_EQUAL(one.log->log_end_offset(), 32);
  const auto kafkas = *one.log->read_producer_snapshot(32);
  CAF_CHECK(one.state.to_snapshot() == kafkas); // from the snapshot alone
  options.now_ms = kafkas.front().timestamp + one.limits.expiration_ms;
  must(one.open(options));
  CAF_CHECK(one.state.empty()); // expired meanwhile
  options.now_ms = start_ms;
  options.clean = false;
  must(one.open(options)); // from the batches and markers, which say more than a snapshot without its earlier batches
  CAF_CHECK(one.state.to_snapshot() == kafkas);
  CAF_CHECK(!exists(32)); // nor may a later start trust it
}

CAF_TEST(a clean start with a snapshot at the end reads no batch) {
  reopen();
  fill(20);
  const auto known = one.state.to_snapshot();
  must(one.close());
  CAF_CHECK(exists(20));
  int reads = 0;
  reopen(true);
  files.set_plan([&](const operation& what) {
    reads += what.kind == operation_kind::read && what.path.ends_with(".log");
    return fault::none;
  });
  auto loaded = load_producers(*one.log, one.limits, options_with(true));
  files.set_plan({});
  CAF_CHECK_EQUAL(reads, 0);
  CAF_CHECK(loaded->to_snapshot() == known);
  must(one.close());
  CAF_CHECK_EQUAL(one.log->producer_snapshots().back(), 20); // nothing new to say
}

CAF_TEST(a clean start without any snapshot reads nothing and knows nothing) {
  reopen();
  for (int i = 0; i < 3; ++i)
    CAF_REQUIRE(one.append({.id = -1, .epoch = -1, .sequence = -1}).has_value());
  must(one.close());
  CAF_CHECK(one.log->producer_snapshots().empty());
  reopen(true);
  int touched = 0;
  files.set_plan([&](const operation&) { return ++touched, fault::none; });
  auto loaded = load_producers(*one.log, one.limits, options_with(true));
  files.set_plan({});
  CAF_CHECK(loaded && loaded->empty());
  CAF_CHECK_EQUAL(touched, 0);
}

CAF_TEST(several segments get a snapshot at a clean stop even if empty) {
  reopen();
  for (int i = 0; i < 12; ++i)
    CAF_REQUIRE(one.append({.id = -1, .epoch = -1, .sequence = -1, .value_bytes = 60}).has_value());
  CAF_REQUIRE(one.log->segment_count() > 1);
  CAF_CHECK_EQUAL(one.log->producer_snapshots().size(), one.log->segment_count() - 1); // at each roll
  must(one.close());
  CAF_CHECK_EQUAL(disk.content(segment_path(directory, 12, ".snapshot"))->size(), 10u);
}

CAF_TEST(all five batches of each are known after any start) {
  reopen();
  fill(40);
  const auto last = one.state.to_snapshot();
  const auto earlier = earlier_batches();
  CAF_REQUIRE_EQUAL(earlier.size(), 12u);
  const auto check_all = [&](const char* after) {
    if (one.state.to_snapshot() != last || earlier_batches() != earlier)
      CAF_FAIL("after " << after << " " << earlier_batches().size() << " earlier batches are known");
  };
  reopen();
  check_all("a crash");
  must(one.close());
  reopen(true);
  check_all("a clean stop");
  must(one.log->roll(start_ms));
  must(one.flush());
  reopen();
  check_all("a roll and a crash");
  must(one.log->advance_log_start_offset(36, start_ms));
  CAF_REQUIRE(one.log->segment_count() < 4);
  reopen();
  check_all("retention");
  must(one.close());
  reopen(true);
  check_all("a clean stop after that");
}

CAF_TEST(earlier batches that are damaged or of another snapshot are passed over) {
  reopen();
  fill(20);
  const auto last = one.state.to_snapshot();
  must(one.close());
  const auto path = segment_path(directory, 20, ".sequences");
  const auto good = disk.content(path);
  CAF_REQUIRE(good.has_value());
  disk.flip(path, 30, std::byte{1});
  reopen(true);
  CAF_CHECK(one.state.to_snapshot() == last);
  CAF_CHECK(earlier_batches().empty());
  CAF_CHECK(reports.find("the CRC is wrong; ignored") != std::string::npos);
  // Kafka has worked here: its snapshot has the same name and says something else.
  disk.write(path, *good);
  auto kafkas = last;
  kafkas.back().timestamp += 1;
  const auto text = producer_snapshot_bytes(kafkas);
  disk.write(segment_path(directory, 20, ".snapshot"), text);
  reopen(true);
  CAF_CHECK(one.state.to_snapshot() == kafkas);
  CAF_CHECK(earlier_batches().empty());
  CAF_CHECK(reports.find("another snapshot; ignored") != std::string::npos);
  must(disk.remove(path));
  reports.clear();
  reopen(true);
  CAF_CHECK(one.state.to_snapshot() == kafkas);
  CAF_CHECK_EQUAL(reports, "");
}

CAF_TEST(a snapshot parted from its earlier batches by a power loss is not trusted later either) {
  reopen();
  fill(20);
  const auto earlier = earlier_batches();
  must(one.log->roll(start_ms));
  must(one.flush());
  CAF_REQUIRE(exists(20));
  must(disk.remove(segment_path(directory, 20, ".sequences")));
  must(one.open(options_with(false, 0))); // as if the recovery point had not been written yet
  CAF_CHECK(earlier_batches() == earlier);
  reopen(); // by now it has
  CAF_REQUIRE_EQUAL(one.log->flushed_end_offset(), 20);
  CAF_CHECK(earlier_batches() == earlier);
}

CAF_TEST(void snapshots are removed and the one before holds) {
  reopen();
  fill(20);
  const auto known = one.state.to_snapshot();
  must(one.close());
  const auto all = one.log->producer_snapshots();
  CAF_REQUIRE(all.size() >= 3);
  for (std::size_t spoilt = 1; spoilt <= all.size(); ++spoilt) {
    spoil(all[all.size() - spoilt]);
    reopen(true);
    CAF_CHECK(one.state.to_snapshot() == known);
    CAF_CHECK_EQUAL(one.log->producer_snapshots().size(), all.size() - spoilt);
    CAF_CHECK(!exists(all[all.size() - spoilt]));
    CAF_CHECK(reports.find("snapshot at offset " + std::to_string(all[all.size() - spoilt]) + ": its CRC is wrong; removed") !=
              std::string::npos);
  }
}

CAF_TEST(what was retired is still known from the snapshot at the next segment) {
  reopen();
  CAF_REQUIRE(one.append({.id = 77, .sequence = 4}).has_value());
  fill(20);
  const auto known = one.state.to_snapshot();
  must(one.log->advance_log_start_offset(15, start_ms));
  CAF_REQUIRE(one.log->log_start_offset() > 1);
  reopen();
  CAF_CHECK(one.state.to_snapshot() == known);
  CAF_CHECK_EQUAL(known.back().producer_id, 77);
}

CAF_TEST(after a truncation it is what the rest of the log says) {
  reopen();
  fill(20);
  for (const std::int64_t to : {19, 13, 6, 2}) {
    must(one.log->truncate_to(to));
    auto loaded = load_producers(*one.log, one.limits, options_with(false));
    CAF_REQUIRE(loaded.has_value());
    producer_state expected;
    must(one.log->walk_headers(0, [&](const batch_header& header, const auto&) { expected.append(header); }));
    CAF_CHECK(loaded->to_snapshot() == expected.to_snapshot());
  }
}

CAF_TEST(damage that is met while reading is named and nothing is served) {
  reopen();
  fill(20);
  must(one.log->truncate_to(20));
  while (!one.log->producer_snapshots().empty())
    must(one.log->remove_producer_snapshot(one.log->producer_snapshots().back()));
  disk.flip(segment_path(directory, 0, ".log"), 16, std::byte{0x55});
  auto loaded = load_producers(*one.log, one.limits, options_with(false));
  CAF_REQUIRE(!loaded);
  CAF_CHECK_EQUAL(loaded.error().code, errc::quarantined);
}

CAF_TEST(a snapshot that cannot be written fails the append or the stop) {
  reopen();
  fill(3);
  files.set_plan([](const operation& what) {
    return what.kind == operation_kind::rename && what.path.find(".snapshot") != std::string::npos ? fault::no_space : fault::none;
  });
  CAF_CHECK(!one.close());
  result<void> last;
  while (last && one.log->log_end_offset() < 40) {
    const auto made = one.append({.id = 0, .sequence = sequences[0], .value_bytes = 60});
    last = made ? result<void>{} : result<void>{fail(made.error().code)};
    if (made)
      ++sequences[0];
  }
  CAF_CHECK(!last);
  CAF_CHECK_EQUAL(one.log->segment_count(), 1u);
  files.set_plan({});
  CAF_CHECK(one.append({.id = 0, .sequence = sequences[0]}).has_value());
  CAF_CHECK(one.close().has_value());
}

CAF_TEST_FIXTURE_SCOPE_END()

// -- power loss -------------------------------------------------------------------------------------------------------
// A scripted life, the power lost at every single changing operation, under both models of a disk. What is known afterwards is what the
// batches that are left say; of producers whose batches were deleted it may say less, never anything else.

namespace {

class scripted_life {
public:
  explicit scripted_life(file_system& files) : one_(files), chance_(11) {}

  // Until something fails.
  void run() {
    if (!(one_.open(options_with(false)) && fill(9) && one_.flush() && fill(9)))
      return;
    if (!(one_.flush() && stop_and_start() && fill(7) && one_.flush()))
      return;
    if (!(truncate(5) && fill(6) && one_.flush() && fill(5) && die_and_start()))
      return;
    if (!(fill(8) && one_.flush() && delete_records() && fill(8) && one_.flush()))
      return;
    (void)(truncate(11) && fill(4) && stop_and_start() && fill(3));
  }

  // Opens what is left on `files`.
  [[nodiscard]] std::optional<std::string> examine(file_system& files) const {
    life after{files};
    // Truncation lowers the recovery point first; a recovery point of what was flushed for sure would only stop quarantines.
    if (auto opened = after.open(options_with(false)); !opened)
      return opened.error().to_string();
    const auto end = after.log->log_end_offset();
    const auto start = after.log->log_start_offset();
    producer_state expected;
    for (const auto& header : written_)
      if (header.last_offset() < end)
        expected.append(header);
    auto known = after.state.to_snapshot();
    for (const auto& entry : expected.to_snapshot()) {
      const auto found = std::find_if(known.begin(), known.end(), [&](const auto& each) { return each.producer_id == entry.producer_id; });
      if (found == known.end()) {
        if (entry.last_offset >= start)
          return "producer " + std::to_string(entry.producer_id) + " is forgotten";
        continue;
      }
      if (*found != entry)
        return "producer " + std::to_string(entry.producer_id) + " at " + std::to_string(found->last_sequence) + " of offset " +
               std::to_string(found->last_offset) + " instead of " + std::to_string(entry.last_sequence) + " of " +
               std::to_string(entry.last_offset) + ", the log ends at " + std::to_string(end);
      known.erase(found);
    }
    if (after.log->log_start_offset() == 0 && sorted(after.state.earlier_batches()) != sorted(expected.earlier_batches()))
      return "of earlier batches " + std::to_string(after.state.earlier_batches().size()) + " are known instead of " +
             std::to_string(expected.earlier_batches().size()) + ", the log ends at " + std::to_string(end);
    return known.empty() ? std::nullopt : std::optional{"producer " + std::to_string(known.front().producer_id) + " comes from nowhere"};
  }

private:
  bool fill(int batches) {
    for (int i = 0; i < batches; ++i) {
      const auto id = static_cast<std::int64_t>(chance_.below(5));
      auto& at = sequences_[id];
      const auto made = one_.append({.id = id, .epoch = at.first, .sequence = at.second, .value_bytes = 60});
      if (!made)
        return false;
      written_.push_back(made->header);
      ++at.second;
      if (chance_.chance(1, 10))
        at = {static_cast<std::int16_t>(at.first + 1), 0};
    }
    return true;
  }
  bool stop_and_start() {
    if (!one_.close())
      return false;
    return reopen(true);
  }
  bool die_and_start() { return reopen(false); }
  bool reopen(bool clean) {
    if (!one_.open(options_with(clean, clean ? one_.log->log_end_offset() : 0)))
      return false;
    return true;
  }
  bool truncate(std::int64_t by) {
    const auto to = one_.log->log_end_offset() - by;
    const auto done = one_.log->truncate_to(to);
    if (!done)
      return false;
    std::erase_if(written_, [&](const auto& header) { return header.last_offset() >= to; });
    auto loaded = load_producers(*one_.log, one_.limits, options_with(false));
    if (!loaded)
      return false;
    one_.state = std::move(*loaded);
    // The producers go on where the log has them; the others, with new sequences, would make old snapshots show.
    sequences_.clear();
    for (const auto& entry : one_.state.to_snapshot())
      sequences_[entry.producer_id] = {entry.producer_epoch, entry.last_sequence + 1};
    for (std::int64_t id = 0; id < 5; ++id)
      if (!sequences_.contains(id) || chance_.chance(1, 2))
        sequences_[id] = {static_cast<std::int16_t>(20 + sequences_[id].first), 0};
    return true;
  }
  bool delete_records() {
    if (!one_.log->advance_log_start_offset(one_.log->log_end_offset() - 9, start_ms))
      return false;
    for (const auto& path : one_.log->take_deletable_files(INT64_MAX))
      if (!one_.pool->files().remove(path))
        return false;
    return true;
  }

  life one_;
  prng chance_;
  std::map<std::int64_t, std::pair<std::int16_t, std::int32_t>> sequences_;
  std::vector<batch_header> written_;
};

} // namespace

CAF_TEST(a power loss at any operation leaves what the log says) {
  std::uint64_t examined = 0;
  for (const auto model : {crash_model::ordered, crash_model::reordered}) {
    std::uint64_t operations = 1;
    for (std::uint64_t number = 1; number <= operations + 1; ++number) {
      memory_file_system disk{model};
      (void)disk.create_directories("/data");
      (void)disk.sync_directory("/");
      faulting_file_system files{disk, power_off_at(number)};
      scripted_life one{files};
      one.run();
      operations = std::max(operations, files.powered() ? operations : number);
      prng chance{number};
      for (int loss = 0; loss < 4; ++loss) {
        auto after = disk.crashed_copy(chance);
        ++examined;
        if (const auto wrong = one.examine(*after))
          CAF_FAIL("operation " << number << ", model " << static_cast<int>(model) << ", loss " << loss << ": " << *wrong);
      }
      if (files.powered())
        break;
    }
  }
  CAF_CHECK(examined > 1'000);
}
