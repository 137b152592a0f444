// Files cut, bytes flipped, indexes missing or lying, strangers in the directory; while the log is stopped and while it is open.
// What a consumer gets is then right, or an error, or bytes whose CRC or offsets give them away: never other records.
#define CAF_SUITE damage
#include "storage/offset_index.hpp"
#include "storage/segment_files.hpp"
#include "support/log_model.hpp"
#include "support/memory_file_system.hpp"

#include <algorithm>
#include <caf/test/unit_test.hpp>

using namespace cafka;
using namespace cafka::storage;
using namespace cafka::test;

namespace {

const std::string directory = "/data/t-0";
constexpr std::int64_t start_ms = 1'700'000'000'000;

enum class stop { clean, unclean_all_flushed, unclean_nothing_flushed };
constexpr stop all_stops[] = {stop::clean, stop::unclean_all_flushed, stop::unclean_nothing_flushed};

struct world {
  memory_file_system files;
  log_model model;
  std::string reports;

  log_open_options options(stop how) {
    log_open_options with;
    with.name = {"t", 0};
    with.topic_id.bytes = {9};
    with.config.segment_bytes = 450;
    with.config.index_interval_bytes = 50;
    with.recovery_point = how == stop::unclean_nothing_flushed ? 0 : model.log_end_offset;
    with.clean = how == stop::clean;
    with.now_ms = start_ms;
    with.report = [this](std::string_view line) { reports.append(line).append("\n"); };
    return with;
  }
  result<std::unique_ptr<partition_log>> open(file_pool& pool, stop how) { return partition_log::open(pool, directory, options(how)); }
};

// A log of three segments and three leader epochs, closed.
std::unique_ptr<world> written() {
  auto made = std::make_unique<world>();
  file_pool pool{made->files, 8};
  auto log = made->open(pool, stop::clean);
  CAF_REQUIRE(log.has_value());
  for (int i = 0; i < 9; ++i) {
    const auto at = made->model.log_end_offset;
    auto batch =
        make_batch({.base_offset = at, .leader_epoch = 1 + i / 4, .timestamps = {start_ms + at, start_ms + at + 1}, .value_bytes = 15});
    CAF_REQUIRE((*log)->append(batch.header, batch.bytes, start_ms).has_value());
    made->model.append(std::move(batch));
  }
  CAF_REQUIRE((*log)->close().has_value());
  CAF_REQUIRE((*log)->segment_count() >= 3);
  return made;
}

std::unique_ptr<world> copy(const world& from) {
  auto made = std::make_unique<world>();
  made->model = from.model;
  const auto entries = const_cast<memory_file_system&>(from.files).list(directory).value();
  for (const auto& entry : entries)
    made->files.write(directory + '/' + entry.name, *from.files.content(directory + '/' + entry.name));
  return made;
}

std::vector<std::string> file_names(world& in) {
  std::vector<std::string> names;
  const auto entries = in.files.list(directory).value();
  for (const auto& entry : entries)
    names.push_back(directory + '/' + entry.name);
  return names;
}

// Reads as a consumer does, which checks the CRC of every batch and that offsets go on where they ended. What passes that must be what was
// written. `complete`: nothing may be missing either. The leader epoch is beyond any CRC (as in Kafka), so it is not compared.
std::optional<std::string> consume(const world& in, partition_log& log, bool complete, bool verified = false) {
  for (auto at = log.log_start_offset(); at < log.log_end_offset();) {
    auto outcome = log.read(at, {.max_offset = INT64_MAX, .max_bytes = 250, .at_least_one = true});
    if (!outcome || outcome->slices.empty())
      return complete ? std::optional{"cannot read at " + std::to_string(at) + ": " + explain(outcome)} : std::nullopt;
    for (const auto& slice : outcome->slices) {
      auto bytes = slice_bytes(slice);
      if (bytes.empty()) // the file is shorter now: a send of nothing, an error
        return complete ? std::optional<std::string>{"a slice cannot be read"} : std::nullopt;
      for (mutable_byte_span left{bytes}; !left.empty();) {
        const auto header = parse_batch_header(left);
        if (!header || header->size_bytes() > left.size() || header->base_offset != at || header->last_offset_delta < 0 ||
            !verify_crc(*header, left.first(header->size_bytes())))
          return complete || verified ? std::optional<std::string>{"a bad batch at " + std::to_string(at)} : std::nullopt;
        const auto index = in.model.index_of(at);
        auto batch = left.first(header->size_bytes());
        if (index == in.model.batches.size())
          return "a record that was never written, at " + std::to_string(at);
        assign_offset(batch, header->base_offset, in.model.batches[index].header.leader_epoch);
        if (!std::equal(batch.begin(), batch.end(), in.model.batches[index].bytes.begin(), in.model.batches[index].bytes.end()))
          return "another record at " + std::to_string(at);
        at = header->last_offset() + 1;
        left = left.subspan(batch.size());
      }
    }
  }
  if (complete && log.log_end_offset() != in.model.log_end_offset)
    return "the log ends at " + std::to_string(log.log_end_offset());
  return std::nullopt;
}

// Opens what is damaged. Quarantine is an answer if it has a reason and left every file as it was.
std::optional<std::string> open_and_consume(world& in, stop how, bool complete = false) {
  std::vector<std::optional<byte_vector>> before;
  const auto names = file_names(in);
  for (const auto& each : names)
    before.push_back(in.files.content(each));
  file_pool pool{in.files, 8};
  auto log = in.open(pool, how);
  if (log) {
    if (auto wrong = (*log)->check_invariants())
      return wrong;
    if (how != stop::unclean_nothing_flushed && (*log)->log_end_offset() < in.model.log_end_offset)
      return "records below the recovery point were cut away";
    // Where recovery read every batch, none that is bad may be served.
    return consume(in, **log, complete, how == stop::unclean_nothing_flushed);
  }
  if (complete || (log.error().code != errc::quarantined && log.error().code != errc::inconsistent_topic_id))
    return log.error().to_string();
  if (log.error().detail.find(directory) == std::string::npos)
    return "the reason names no place: " + log.error().to_string();
  if (names != file_names(in))
    return std::string{"quarantined, but files came or went"};
  for (std::size_t i = 0; i < names.size(); ++i)
    if (in.files.content(names[i]) != before[i])
      return "quarantined, but changed: " + names[i];
  return std::nullopt;
}

bool is_log(const std::string& path) { return path.ends_with(log_suffix); }

} // namespace

CAF_TEST(every byte flipped while stopped) {
  const auto original = written();
  std::size_t flips = 0;
  for (const auto how : all_stops) {
    for (const auto& path : file_names(*original)) {
      const auto size = original->files.content(path)->size();
      for (std::size_t at = 0; at < size; ++at, ++flips) {
        auto damaged = copy(*original);
        damaged->files.flip(path, at, std::byte{static_cast<unsigned char>(1u << (at % 8))});
        // Nothing that can be rebuilt from the .log may cost a record.
        const bool rebuilt = !is_log(path) && !path.ends_with(metadata_name);
        if (auto wrong = open_and_consume(*damaged, how, rebuilt))
          CAF_FAIL(path << ", byte " << at << ", stop " << static_cast<int>(how) << ": " << *wrong);
      }
    }
  }
  CAF_MESSAGE(flips << " flips");
}

CAF_TEST(every file cut to every length while stopped) {
  const auto original = written();
  for (const auto how : all_stops) {
    for (const auto& path : file_names(*original)) {
      const auto whole = *original->files.content(path);
      for (std::size_t size = 0; size < whole.size(); ++size) {
        auto damaged = copy(*original);
        damaged->files.write(path, byte_span{whole}.first(size));
        const bool rebuilt = !is_log(path) && !path.ends_with(metadata_name);
        if (auto wrong = open_and_consume(*damaged, how, rebuilt))
          CAF_FAIL(path << " cut to " << size << ", stop " << static_cast<int>(how) << ": " << *wrong);
      }
    }
  }
}

CAF_TEST(each file missing) {
  const auto original = written();
  for (const auto how : all_stops) {
    for (const auto& path : file_names(*original)) {
      auto damaged = copy(*original);
      CAF_REQUIRE(damaged->files.remove(path).has_value());
      if (auto wrong = open_and_consume(*damaged, how, !is_log(path)))
        CAF_FAIL(path << ", stop " << static_cast<int>(how) << ": " << *wrong);
    }
  }
  // A hole in the middle is never served, nor filled.
  auto holed = copy(*original);
  const auto names = file_names(*holed);
  const auto second = std::find_if(names.begin() + 3, names.end(), is_log);
  CAF_REQUIRE(holed->files.remove(*second).has_value());
  file_pool pool{holed->files, 8};
  const auto refused = holed->open(pool, stop::clean);
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == errc::quarantined);
  CAF_MESSAGE(refused.error().to_string());
}

CAF_TEST(indexes that lie) {
  const auto original = written();
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    prng chance{seed};
    auto damaged = copy(*original);
    for (const auto& path : file_names(*damaged)) {
      if (!path.ends_with(index_suffix) && !path.ends_with(time_index_suffix))
        continue;
      byte_vector lies(chance.chance(1, 2) ? damaged->files.content(path)->size() : chance.below(100));
      for (auto& byte : lies)
        byte = static_cast<std::byte>(chance.chance(1, 2) ? 0 : chance.below(256));
      damaged->files.write(path, lies);
    }
    const auto how = all_stops[chance.below(3)];
    if (auto wrong = open_and_consume(*damaged, how, true))
      CAF_FAIL("seed " << seed << ": " << *wrong);
    file_pool pool{damaged->files, 8};
    auto log = damaged->open(pool, stop::clean);
    CAF_REQUIRE(log.has_value());
    for (std::int64_t at = 0; at <= damaged->model.log_end_offset; ++at) {
      const auto found = (*log)->find_by_timestamp(start_ms + at);
      const auto expected = damaged->model.find_by_timestamp(start_ms + at);
      if (!found || found->has_value() != expected.has_value() || (*found && (*found)->offset != expected->offset))
        CAF_FAIL("seed " << seed << ", time " << at << ": " << explain(found));
    }
  }
}

// An index that looks sound: one entry, with the offset of one batch and the position of another.
CAF_TEST(an index entry that names another batch) {
  const auto original = written();
  const auto& batches = original->model.batches;
  for (std::size_t named = 0; named < batches.size(); ++named) {
    for (std::size_t meant = 0; meant < 3; ++meant) {
      auto damaged = copy(*original);
      offset_entry entry{static_cast<std::uint32_t>(batches[named].header.last_offset()), 0};
      for (std::size_t i = 0; i < meant; ++i)
        entry.position += static_cast<std::uint32_t>(batches[i].bytes.size());
      byte_vector lie(offset_entry::size_bytes);
      entry.store(lie.data());
      damaged->files.write(segment_path(directory, 0, index_suffix), lie);
      file_pool pool{damaged->files, 8};
      auto log = damaged->open(pool, stop::clean);
      CAF_REQUIRE(log.has_value());
      for (std::int64_t offset = 0; offset < damaged->model.log_end_offset; ++offset)
        for (auto max_offset = offset; max_offset <= damaged->model.log_end_offset; ++max_offset) {
          const read_limits limits{.max_offset = max_offset, .max_bytes = 1 << 20, .at_least_one = true};
          const auto outcome = (*log)->read(offset, limits);
          CAF_REQUIRE(outcome.has_value());
          if (auto wrong = check_read(damaged->model, offset, limits, *outcome))
            CAF_FAIL("entry of batch " << named << " at batch " << meant << ", read " << offset << " to " << max_offset << ": " << *wrong);
        }
    }
  }
}

CAF_TEST(every byte flipped and every cut while open) {
  const auto original = written();
  for (const auto& path : file_names(*original)) {
    const auto whole = *original->files.content(path);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const bool cut : {false, true}) {
        auto damaged = copy(*original);
        file_pool pool{damaged->files, 8};
        auto log = damaged->open(pool, stop::clean);
        CAF_REQUIRE(log.has_value());
        if (cut)
          damaged->files.write(path, byte_span{whole}.first(at));
        else
          damaged->files.flip(path, at, std::byte{0x11});
        if (auto wrong = consume(*damaged, **log, !is_log(path)))
          CAF_FAIL(path << (cut ? " cut to " : " flipped at ") << at << ": " << *wrong);
        for (std::int64_t offset = 0; offset < damaged->model.log_end_offset; offset += 3)
          if (auto outcome = (*log)->read(offset, {}); !outcome && outcome.error().detail.empty())
            CAF_FAIL("an error without a reason");
        (void)(*log)->find_by_timestamp(start_ms + 7);
        (void)(*log)->find_max_timestamp();
      }
    }
  }
}

// Kafka's cleaner shortens a segment in the middle, then Kafka is killed before its checkpoint says that all of it was flushed.
CAF_TEST(a gap that a cleaner left is kept where Kafka wrote last and cut where we did) {
  for (const bool by_kafka : {true, false}) {
    auto cleaned = copy(*written());
    std::vector<std::string> logs;
    for (const auto& path : file_names(*cleaned))
      if (is_log(path))
        logs.push_back(path);
    std::sort(logs.begin(), logs.end());
    CAF_REQUIRE(logs.size() >= 3);
    const auto middle = *cleaned->files.content(logs[1]);
    const auto first = parse_batch_header(middle);
    CAF_REQUIRE(first.has_value() && first->size_bytes() < middle.size());
    cleaned->files.write(logs[1], byte_span{middle}.first(first->size_bytes()));
    auto with = cleaned->options(stop::unclean_nothing_flushed);
    with.config.cleanup_compact = true;
    with.written_by_kafka = by_kafka;
    file_pool pool{cleaned->files, 8};
    auto log = partition_log::open(pool, directory, with);
    CAF_REQUIRE(log.has_value());
    CAF_CHECK_EQUAL((*log)->log_end_offset(), by_kafka ? cleaned->model.log_end_offset : first->last_offset() + 1);
  }
}

// A base offset stands outside the CRC. One so far from its segment's that no index could name it is damage, also where gaps are right.
CAF_TEST(a batch out of the reach of its segment) {
  for (const auto how : all_stops)
    for (const std::int64_t moved_to :
         {std::int64_t{INT32_MAX} - 1, std::int64_t{INT32_MAX}, std::int64_t{1} << 32, std::int64_t{1} << 48}) {
      auto in = copy(*written());
      const auto name = directory + "/00000000000000000000.log";
      auto bytes = *in->files.content(name);
      std::size_t last = 0;
      for (std::size_t at = 0; at < bytes.size(); at += parse_batch_header(byte_span{bytes}.subspan(at))->size_bytes())
        last = at;
      store_be(bytes.data() + last, moved_to);
      in->files.write(name, bytes);
      for (const auto& other : file_names(*in)) // it is the newest segment, with indexes that must be made anew
        if (other.find("/0") != std::string::npos && other != name)
          CAF_REQUIRE(in->files.remove(other).has_value());
      file_pool pool{in->files, 8};
      auto options = in->options(how);
      options.config.cleanup_compact = true;
      options.recovery_point = 0;
      const auto log = partition_log::open(pool, directory, options);
      const bool reachable = moved_to + 1 <= INT32_MAX; // the last of its two records
      if (log) {
        CAF_CHECK_EQUAL((*log)->check_invariants().value_or(""), "");
        CAF_CHECK_EQUAL((*log)->log_end_offset() > moved_to, reachable);
      } else {
        CAF_CHECK(!reachable);
      }
    }
}

CAF_TEST(strangers are reported and left alone) {
  for (const auto how : all_stops) {
    auto visited = copy(*written());
    const std::vector<std::string> strangers{"notes.txt", "1.log", "00000000000000000000.log.bak", "-0000000000000000001.log",
                                             "00000000000000000777.timeindex"};
    for (const auto& name : strangers)
      visited->files.write(directory + '/' + name, as_byte_span("mine"));
    visited->files.write(directory + "/00000000000000000003.log.cleaned", as_byte_span("left over"));
    visited->files.write(directory + "/00000000000000000000.snapshot", as_byte_span("producers"));
    CAF_REQUIRE(visited->files.create_directories(directory + "/folder").has_value());
    CAF_CHECK_EQUAL(open_and_consume(*visited, how, true).value_or(""), "");
    for (const auto& name : strangers) {
      CAF_CHECK(visited->files.content(directory + '/' + name).has_value());
      CAF_CHECK(visited->reports.find(name) != std::string::npos);
    }
    CAF_CHECK(visited->files.exists(directory + "/folder").value());
    CAF_CHECK(!visited->files.exists(directory + "/00000000000000000003.log.cleaned").value());
    CAF_CHECK(visited->files.exists(directory + "/00000000000000000000.snapshot").value());
  }
}
