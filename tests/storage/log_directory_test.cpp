#define CAF_SUITE log_directory
#include "storage/log_directory.hpp"
#include "support/faulting_file_system.hpp"
#include "support/memory_file_system.hpp"

#include <caf/test/unit_test.hpp>
#include <rapidcheck.h>

using namespace cafka;
using namespace cafka::storage;
using test::memory_file_system;

namespace {
uuid some_id(std::uint64_t seed) {
  prng chance{seed};
  return uuid::random(chance);
}

struct fixture {
  memory_file_system files;
  file_pool pool{files, 16};

  void put(const std::string& path, std::string_view text) { files.write(path, as_byte_span(text)); }
  std::string text(const std::string& path) {
    auto found = files.read_text(path);
    return found ? *found : found.error().to_string();
  }
  result<std::unique_ptr<log_directory>> open(bool create = false) { return log_directory::open(pool, "/data/logs", create); }
  std::string error() {
    auto opened = open();
    return opened ? "none" : opened.error().to_string();
  }
};

// As Kafka 4.3 writes them.
constexpr std::string_view kafka_identity = "#\n#Mon Sep 01 10:00:00 UTC 2025\nnode.id=7\ndirectory.id=AAAAAAAAAAAAAAAAAAAAZQ\n"
                                            "version=1\ncluster.id=4L6g3nShT-eMCtK--X86sw\n";
constexpr std::string_view kafka_marker = R"({"version":0,"brokerEpoch":1234567890123})";
} // namespace

CAF_TEST_FIXTURE_SCOPE(log_directory_tests, fixture)

CAF_TEST(a new directory is made and taken) {
  CAF_CHECK(open(false).error().code == errc::not_found);
  auto directory = open(true);
  CAF_REQUIRE(directory.has_value());
  CAF_CHECK(!(*directory)->identity() && !(*directory)->clean_marker());
  CAF_CHECK((*directory)->partitions().empty() && (*directory)->strays().empty());
  CAF_CHECK(open(true).error().code == errc::already_locked);
  directory->reset();
  CAF_CHECK(open(false).has_value());
}

CAF_TEST(identity is written once and read back) {
  const directory_identity mine{.cluster_id = "4L6g3nShT-eMCtK--X86sw", .node = 3, .directory_id = some_id(1)};
  {
    auto directory = open(true).value();
    CAF_CHECK(directory->write_identity(mine).has_value());
    CAF_CHECK(directory->write_identity(mine).error().code == errc::bad_argument);
  }
  auto directory = open().value();
  CAF_REQUIRE(directory->identity().has_value());
  CAF_CHECK_EQUAL(directory->identity()->cluster_id, mine.cluster_id);
  CAF_CHECK_EQUAL(directory->identity()->node, 3);
  CAF_CHECK(directory->identity()->directory_id == mine.directory_id);
}

CAF_TEST(what Kafka writes is read) {
  put("/data/logs/meta.properties", kafka_identity);
  put("/data/logs/.kafka_cleanshutdown", kafka_marker);
  put("/data/logs/recovery-point-offset-checkpoint", "0\n2\na-b 0 17\n__consumer_offsets 49 9223372036854775807\n");
  put("/data/logs/log-start-offset-checkpoint", "0\n0\n");
  auto directory = open().value();
  CAF_CHECK_EQUAL(directory->identity()->node, 7);
  CAF_CHECK_EQUAL(directory->identity()->cluster_id, "4L6g3nShT-eMCtK--X86sw");
  CAF_CHECK_EQUAL(directory->identity()->directory_id.to_string(), "AAAAAAAAAAAAAAAAAAAAZQ");
  CAF_CHECK_EQUAL(directory->clean_marker()->broker_epoch, 1234567890123);
  CAF_CHECK(!directory->clean_marker()->incarnation_id);
  const offset_map expected{{{"a-b", 0}, 17}, {{"__consumer_offsets", 49}, INT64_MAX}};
  CAF_CHECK(directory->recovery_points() == expected);
  CAF_CHECK(directory->log_start_offsets().empty() && directory->high_watermarks().empty());
}

CAF_TEST(the clean marker is read once) {
  {
    auto directory = open(true).value();
    CAF_CHECK(directory->write_clean_marker({.broker_epoch = 42, .incarnation_id = some_id(2)}).has_value());
  }
  {
    auto directory = open().value();
    CAF_REQUIRE(directory->clean_marker().has_value());
    CAF_CHECK_EQUAL(directory->clean_marker()->broker_epoch, 42);
    CAF_CHECK(directory->clean_marker()->incarnation_id == some_id(2));
    CAF_CHECK(directory->remove_clean_marker().has_value());
  }
  prng chance{3};
  files.crash(chance);
  CAF_CHECK(!open().value()->clean_marker());
}

CAF_TEST(a marker that makes no sense is no promise) {
  for (std::string_view bad : {"", "{", "[]", "{}", R"({"version":1,"brokerEpoch":5})", R"({"version":0,"brokerEpoch":"5"})",
                               R"({"version":0})", R"({"version":0,"brokerEpoch":1.5})"}) {
    put("/data/logs/.kafka_cleanshutdown", bad);
    auto directory = open();
    CAF_REQUIRE(directory.has_value());
    CAF_CHECK(!(*directory)->clean_marker());
    CAF_CHECK((*directory)->remove_clean_marker().has_value());
    CAF_CHECK(!files.exists("/data/logs/.kafka_cleanshutdown").value());
  }
}

CAF_TEST(malformed files are named with their line) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ":0: "},
      {"1\n0\n", ":1: "},
      {"0\n", ":1: "},
      {"0\nx\n", ":2: "},
      {"0\n-1\n", ":2: "},
      {"0\n1\n", ":2: "},
      {"0\n1\na 0\n", ":3: "},
      {"0\n1\na 0 -1\n", ":3: "},
      {"0\n1\na -1 0\n", ":3: "},
      {"0\n1\na 0 1 2\n", ":3: "},
      {"0\n2\na 0 1\n\n", ":4: "},
      {"0\n1\na 0 1\nb 0 1\n", ":4: "},
      {"0\n1\na 0 99999999999999999999\n", ":3: "},
  };
  for (const auto* name : {"recovery-point-offset-checkpoint", "log-start-offset-checkpoint", "replication-offset-checkpoint"}) {
    const auto path = std::string{"/data/logs/"} + name;
    for (const auto& [text, place] : cases) {
      put(path, text);
      const auto message = error();
      CAF_CHECK(message.find("bad_format: " + path + std::string{place}) == 0);
    }
    CAF_CHECK(files.remove(path).has_value());
  }
  for (std::string_view bad :
       {"", "version=0\nbroker.id=1\n", "version=1\nnode.id=x\ncluster.id=c\n", "version=1\nnode.id=-1\ncluster.id=c\n",
        "version=1\nnode.id=1\n", "version=1\nnode.id=1\ncluster.id=c\ndirectory.id=short\n"}) {
    put("/data/logs/meta.properties", bad);
    CAF_CHECK(error().find("bad_format: /data/logs/meta.properties") == 0);
  }
}

CAF_TEST(directories are told apart by name) {
  const std::string tag(32, 'a');
  put("/data/logs/orders-0/partition.metadata", "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAZQ\n");
  put("/data/logs/orders-11/00000000000000000000.log", "");
  put("/data/logs/a-b.c_d-3/partition.metadata", "");
  put("/data/logs/__cluster_metadata-0/x", "");
  put("/data/logs/orders-1." + tag + "-delete/x", "");
  put("/data/logs/orders-2." + tag + "-future/x", "");
  put("/data/logs/orders-2." + tag + "-stray/x", "");
  put("/data/logs/orders-2.xyz-delete/x", "");
  put("/data/logs/orders-007/x", "");
  put("/data/logs/orders/x", "");
  put("/data/logs/bad name-0/x", "");
  put("/data/logs/orders-99999999999/x", "");
  put("/data/logs/file-0", "");
  put("/data/logs/lost+found/x", "");
  put("/data/logs/bootstrap.checkpoint", "");
  put("/data/logs/recovery-point-offset-checkpoint.tmp", "torn");
  auto directory = open().value();
  std::vector<std::string> names;
  for (const auto& found : directory->partitions()) {
    names.push_back(found.name.to_string());
    CAF_CHECK_EQUAL(found.directory, directory->partition_path(found.name));
    CAF_CHECK_EQUAL(found.topic_id.has_value(), found.name.to_string() == "orders-0");
  }
  CAF_CHECK(names == (std::vector<std::string>{"__cluster_metadata-0", "a-b.c_d-3", "orders-0", "orders-11"}));
  CAF_REQUIRE_EQUAL(directory->deletions().size(), 1u);
  CAF_CHECK_EQUAL(directory->deletions()[0].directory, "/data/logs/orders-1." + tag + "-delete");
  CAF_CHECK_EQUAL(directory->strays().size(), 8u);
}

CAF_TEST(a retired partition has another name for good) {
  const topic_partition name{std::string(249, 't'), 12};
  put("/data/logs/" + name.to_string() + "/x", "kept");
  std::string moved;
  {
    auto directory = open().value();
    CAF_REQUIRE_EQUAL(directory->partitions().size(), 1u);
    auto held = pool.acquire(directory->partition_path(name) + "/x").value();
    moved = directory->retire_partition(name, some_id(4)).value();
    CAF_CHECK_EQUAL(held->size().value(), 4u);
    CAF_CHECK_EQUAL(moved.size() - std::string{"/data/logs/"}.size(), 255u);
  }
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    prng chance{seed};
    auto after = files.crashed_copy(chance);
    file_pool fresh{*after, 16};
    auto directory = log_directory::open(fresh, "/data/logs", false).value();
    CAF_CHECK(directory->partitions().empty() && directory->strays().empty());
    CAF_REQUIRE_EQUAL(directory->deletions().size(), 1u);
    CAF_CHECK_EQUAL(directory->deletions()[0].directory, moved);
  }
}

CAF_TEST(checkpoints are old or new after power loss at every step) {
  for (auto model : {test::crash_model::ordered, test::crash_model::reordered}) {
    bool finished = false;
    for (std::uint64_t number = 1; !finished; ++number) {
      CAF_REQUIRE(number < 200);
      memory_file_system disk{model};
      test::faulting_file_system files_{disk, test::power_off_at(number)};
      file_pool pool_{files_, 16};
      int identities = 0, marks = 0, points = 0; // of the steps, how many said they were durable
      if (auto opened = log_directory::open(pool_, "/a/b/logs", true)) {
        auto& directory = **opened;
        identities += directory.write_identity({.cluster_id = "c", .node = 1, .directory_id = some_id(6)}).has_value();
        points += directory.write_recovery_points({{{"t", 0}, 1}}).has_value();
        points += directory.write_recovery_points({{{"t", 0}, 2}, {{"u", 1}, 5}}).has_value();
        marks += directory.write_clean_marker({.broker_epoch = 9, .incarnation_id = some_id(7)}).has_value();
      }
      finished = files_.powered();
      for (std::uint64_t seed = 0; seed < 20; ++seed) {
        prng chance{seed * 1000 + number};
        auto after = disk.crashed_copy(chance);
        file_pool fresh{*after, 16};
        auto opened = log_directory::open(fresh, "/a/b/logs", true);
        CAF_REQUIRE(opened.has_value());
        const auto& found = **opened;
        CAF_REQUIRE(found.identity().has_value() || identities == 0);
        CAF_REQUIRE(found.strays().empty());
        const auto& offsets = found.recovery_points();
        const auto offset = offsets.contains({"t", 0}) ? offsets.at({"t", 0}) : 0;
        CAF_REQUIRE(offset >= points && offset <= points + 1);
        CAF_REQUIRE_EQUAL(offsets.size(), static_cast<std::size_t>(offset));
        CAF_REQUIRE(marks == 0 || found.clean_marker()->broker_epoch == 9);
        CAF_REQUIRE(!found.clean_marker() || points == 2);
      }
    }
  }
}

CAF_TEST(checkpoint text is read back) {
  CAF_CHECK(rc::check([] {
    prng chance{*rc::gen::arbitrary<std::uint64_t>()};
    offset_map offsets;
    for (auto count = chance.below(50); count > 0; --count)
      offsets[{std::string(1 + chance.below(20), static_cast<char>('a' + chance.below(26))),
               static_cast<std::int32_t>(chance.below(1000))}] = static_cast<std::int64_t>(chance.next() >> 1);
    const auto parsed = parse_offset_checkpoint(offset_checkpoint_text(offsets), "file");
    RC_ASSERT(parsed.has_value());
    RC_ASSERT(*parsed == offsets);
  }));
}

CAF_TEST_FIXTURE_SCOPE_END()
