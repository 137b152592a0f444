#define CAF_SUITE log_tools
#include "cli/batch_file.hpp"
#include "cli/log_dump.hpp"
#include "cli/log_files.hpp"
#include "cli/log_verify.hpp"
#include "support/temporary_directory.hpp"

#include <array>
#include <caf/test/dsl.hpp>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace cafka;
using namespace cafka::cli;

namespace {

struct sample_batch {
  std::int64_t base_offset;
  int records;
  std::int64_t timestamp;
  std::int32_t leader_epoch = 0;
};

std::string batch_bytes(const sample_batch& what, storage::compression codec = storage::compression::none) {
  storage::batch_builder builder{codec};
  for (int i = 0; i < what.records; ++i) {
    const auto value = "value " + std::to_string(what.base_offset + i);
    builder.add(what.timestamp + i, as_byte_span("키"), as_byte_span(value));
  }
  byte_vector out;
  CAF_REQUIRE(builder.build({.base_offset = what.base_offset, .leader_epoch = what.leader_epoch}, out));
  return std::string{as_text(out)};
}

void append_be(std::string& out, std::int64_t value, std::size_t bytes) {
  while (bytes-- != 0)
    out += static_cast<char>(value >> (8 * bytes));
}

// One segment of three batches with truthful indexes, in <temporary>/t-0.
struct fixture {
  test::temporary_directory place;
  std::string directory;
  std::string log, index, timeindex;

  fixture() {
    directory = std::string{place.path()} + "/t-0";
    std::filesystem::create_directories(directory);
    for (const auto& batch : {sample_batch{0, 10, 1000}, sample_batch{10, 5, 2000}, sample_batch{15, 1, 3000, 1}}) {
      if (batch.base_offset != 0) {
        append_be(index, batch.base_offset + batch.records - 1, 4);
        append_be(index, static_cast<std::int64_t>(log.size()), 4);
        append_be(timeindex, batch.timestamp + batch.records - 1, 8);
        append_be(timeindex, batch.base_offset + batch.records - 1, 4);
      }
      log += batch_bytes(batch, batch.base_offset == 10 ? storage::compression::zstd : storage::compression::none);
    }
    write_all();
    write("leader-epoch-checkpoint", "0\n2\n0 0\n1 15\n");
    write("partition.metadata", "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAEA\n");
  }
  void write_all() const {
    write("00000000000000000000.log", log);
    write("00000000000000000000.index", index);
    write("00000000000000000000.timeindex", timeindex);
  }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream{directory + '/' + name, std::ios::binary} << content;
  }

  // "damages/notes", then what was found.
  std::string verified(const verify_options& how = {}) const {
    verify_totals totals;
    std::string found;
    auto done = verify_partition(storage::posix_file_system(), directory, how, totals,
                                 [&](finding, const std::string& where, std::string_view what) {
                                   found += ' ' + std::filesystem::path{where}.filename().string() + ": " + std::string{what} + ';';
                                 });
    CAF_REQUIRE(done);
    return std::to_string(totals.damages) + '/' + std::to_string(totals.notes) + found;
  }

  std::string dumped(const std::string& name, const dump_options& how, bool& whole) const {
    const auto target = std::string{place.path()} + "/dump";
    const int descriptor = ::open(target.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    output out{descriptor};
    whole = dump_path(storage::posix_file_system(), directory + name, how, out);
    out.flush();
    ::close(descriptor);
    return *storage::posix_file_system().read_text(target);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(log_tools_tests, fixture)

CAF_TEST(a whole partition) {
  CAF_CHECK_EQUAL(verified(), "0/0");
  CAF_CHECK_EQUAL(verified({.gapless = true}), "0/0");
}

CAF_TEST(a flipped byte anywhere is found) {
  const auto good = log;
  for (std::size_t at = 0; at < good.size(); at += 7) {
    log = good;
    log[at] = static_cast<char>(log[at] ^ 0x10);
    write_all();
    CAF_CHECK_NOT_EQUAL(verified()[0], '0');
  }
}

CAF_TEST(a torn tail) {
  log.resize(log.size() - 3);
  write_all();
  CAF_CHECK(verified().starts_with("3/0 00000000000000000000.log: position "));
}

CAF_TEST(indexes that lie) {
  const auto good = index;
  index[7] = static_cast<char>(index[7] + 1);
  write_all();
  CAF_CHECK_EQUAL(verified(), "1/0 00000000000000000000.index, entry 0: no batch with that last offset begins at that position;");
  index = good;
  timeindex[11] = static_cast<char>(timeindex[11] - 8);
  write_all();
  CAF_CHECK_EQUAL(verified(), "1/0 00000000000000000000.timeindex, entry 0: no batch has that offset and greatest timestamp;");
  timeindex.pop_back();
  write_all();
  CAF_CHECK_EQUAL(verified(), "1/0 00000000000000000000.timeindex: 23 bytes: not a number of whole entries;");
}

CAF_TEST(missing and padded indexes are only noted) {
  index.append(800, '\0');
  write_all();
  std::filesystem::remove(directory + "/00000000000000000000.timeindex");
  CAF_CHECK_EQUAL(verified(), "0/2 00000000000000000000.index: is padded with zeros, as an unclean stop of Kafka leaves it; "
                              "00000000000000000000.timeindex: is missing; a start builds it again;");
}

CAF_TEST(gaps and overlaps between segments) {
  write("00000000000000000020.log", batch_bytes({20, 2, 4000, 1}));
  write("00000000000000000020.index", "");
  write("00000000000000000020.timeindex", "");
  CAF_CHECK_EQUAL(verified(), "0/1 00000000000000000020.log, position 0: no records with offsets 16 to 19;");
  CAF_CHECK_EQUAL(verified({.gapless = true}), "1/0 00000000000000000020.log, position 0: offsets 16 to 19 are missing;");
  write("00000000000000000020.log", batch_bytes({20, 2, 4000, 0}));
  CAF_CHECK(verified().starts_with("1/1"));
}

CAF_TEST(checkpoint files) {
  write("leader-epoch-checkpoint", "0\n2\n1 0\n0 15\n");
  CAF_CHECK_EQUAL(verified(), "1/0 leader-epoch-checkpoint: epoch 0 at offset 15 is not above the one before;");
  write("leader-epoch-checkpoint", "0\n3\n0 0\n1 15\n");
  CAF_CHECK_EQUAL(verified(), "1/0 leader-epoch-checkpoint: has 2 entries and says 3;");
  write("leader-epoch-checkpoint", "0\n0\n");
  write("partition.metadata", "version: 0\ntopic_id: short\n");
  CAF_CHECK_EQUAL(verified(), "1/0 partition.metadata: names no topic id;");
}

CAF_TEST(dump of a log) {
  bool whole = false;
  const auto text = dumped("", {}, whole);
  CAF_CHECK(whole);
  CAF_CHECK(text.starts_with("batch 0..9  position 0  bytes "));
  CAF_CHECK(text.find("  12  1970-01-01T00:00:02.002Z  key \"키\"  value \"value 12\"\n") != std::string::npos);
  CAF_CHECK(text.find("  records 5  epoch 0  zstd  crc 0x") != std::string::npos);
  const auto lines = std::count(text.begin(), text.end(), '\n');
  CAF_CHECK_EQUAL(lines, 3 + 16);
  const auto json = dumped("/00000000000000000000.log", {.json = true}, whole);
  CAF_CHECK(json.find("{\"offset\":15,\"timestamp\":3000,\"key\":\"키\",\"value\":\"value 15\"}\n") != std::string::npos);
  log[70] = static_cast<char>(log[70] ^ 1);
  write_all();
  const auto damaged = dumped("", {}, whole);
  CAF_CHECK(!whole);
  CAF_CHECK(damaged.find(" WRONG ") != std::string::npos);
  CAF_CHECK(damaged.find("value 15") != std::string::npos);
}

CAF_TEST(dump of indexes and checkpoints) {
  bool whole = false;
  CAF_CHECK(dumped("/00000000000000000000.index", {}, whole).starts_with("offset 14  position "));
  CAF_CHECK_EQUAL(dumped("/00000000000000000000.timeindex", {.json = true}, whole),
                  "{\"timestamp\":2004,\"offset\":14}\n{\"timestamp\":3000,\"offset\":15}\n");
  CAF_CHECK_EQUAL(dumped("/leader-epoch-checkpoint", {}, whole), "0\n2\n0 0\n1 15\n");
  CAF_CHECK(whole);
}

CAF_TEST(finding partitions) {
  auto found = find_partition_directories(storage::posix_file_system(), std::string{place.path()});
  CAF_REQUIRE(found);
  CAF_REQUIRE_EQUAL(found->size(), 1u);
  CAF_CHECK_EQUAL(found->front(), directory);
  CAF_CHECK(*find_partition_directories(storage::posix_file_system(), directory) == *found);
  CAF_CHECK(!find_partition_directories(storage::posix_file_system(), std::string{place.path()} + "/nothing"));
  CAF_CHECK(is_metadata_directory("/a/__cluster_metadata-0"));
  const auto name = parse_log_file_name("/a/t-0/00000000000000000042.timeindex");
  CAF_CHECK_EQUAL(*name.base_offset, 42);
  CAF_CHECK_EQUAL(name.suffix, ".timeindex");
}

CAF_TEST_FIXTURE_SCOPE_END()
