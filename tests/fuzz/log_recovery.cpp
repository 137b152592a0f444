// A partition's directory of arbitrary content: opening it never crashes; what it then reads is whole batches, in order, within bounds, and
// whatever was below a bad byte stays readable or is refused. Input: a list of files (name selector, base, size, bytes), or edits of a good log.
#include "storage/partition_log.hpp"
#include "support/log_model.hpp"
#include "support/memory_file_system.hpp"

#include <cstdlib>

using namespace cafka;
using namespace cafka::storage;
using namespace cafka::test;

namespace {

const std::string directory = "/d/t-0";

struct good_file {
  std::string name;
  byte_vector bytes;
};

// Three segments, written once.
const std::vector<good_file>& good_log() {
  static const auto made = [] {
    memory_file_system files;
    file_pool pool{files, 4};
    log_open_options options;
    options.topic_id.bytes = {1};
    options.config.segment_bytes = 400;
    options.config.index_interval_bytes = 60;
    auto log = partition_log::open(pool, directory, options).value();
    for (std::int64_t at = 0; at < 20; at += 2) {
      auto batch = make_batch({.base_offset = at, .leader_epoch = static_cast<std::int32_t>(at / 7), .timestamps = {1000 + at, 1001 + at}});
      if (!log->append(batch.header, batch.bytes, 0))
        std::abort();
    }
    if (!log->close())
      std::abort();
    std::vector<good_file> all;
    const auto entries = files.list(directory).value();
    for (const auto& entry : entries)
      all.push_back({entry.name, *files.content(directory + '/' + entry.name)});
    return all;
  }();
  return made;
}

const char* const suffixes[] = {".log",      ".index",    ".timeindex",  ".log.deleted", ".log.cleaned",
                                ".log.swap", ".snapshot", ".index.swap", ".txnindex",    ".stray"};

void put_arbitrary_files(byte_reader& input, memory_file_system& files) {
  while (input.remaining() > 4) {
    const auto kind = input.read_be<std::uint8_t>() % 14;
    const auto base = input.read_be<std::uint8_t>() % 32;
    const auto size = std::min<std::size_t>(input.read_be<std::uint16_t>(), input.remaining());
    auto name = std::to_string(base);
    name = std::string(20 - name.size(), '0') + name;
    if (kind < 10)
      name += suffixes[kind];
    else
      name = kind < 12 ? "leader-epoch-checkpoint" : kind < 13 ? "partition.metadata" : name;
    files.write(directory + '/' + name, input.read_bytes(size));
  }
}

// Some edits of the good log's files: flips, cuts, insertions, removals. CRCs of changed logs are mended on request, so that what is behind
// the CRC check is reached too.
void put_edited_log(byte_reader& input, memory_file_system& files) {
  auto all = good_log();
  while (input.remaining() >= 5) {
    auto& target = all[input.read_be<std::uint8_t>() % all.size()].bytes;
    const auto edit = input.read_be<std::uint8_t>();
    const auto at = target.empty() ? 0 : input.read_be<std::uint16_t>() % target.size();
    const auto value = input.read_be<std::uint8_t>();
    switch (edit % 6) {
    case 0: target.resize(at); break;
    case 1: target.insert(target.begin() + static_cast<std::ptrdiff_t>(at), value % 64, std::byte{value}); break;
    case 2: target.insert(target.end(), target.begin(), target.begin() + static_cast<std::ptrdiff_t>(at)); break;
    case 3:
      if (!target.empty())
        target.erase(target.begin() + static_cast<std::ptrdiff_t>(at));
      break;
    default:
      if (!target.empty())
        target[at] = std::byte{value};
    }
  }
  for (const auto& each : all)
    files.write(directory + '/' + each.name, each.bytes);
}

void require(bool holds) {
  if (!holds)
    std::abort();
}

void read_all(partition_log& log) {
  require(!log.check_invariants());
  for (auto at = log.log_start_offset(); at < log.log_end_offset();) {
    auto outcome = log.read(at, {.max_offset = log.log_end_offset(), .max_bytes = 300, .at_least_one = true});
    if (!outcome || outcome->slices.empty())
      break;
    require(outcome->next_offset > at && outcome->next_offset <= log.log_end_offset());
    for (const auto& slice : outcome->slices)
      require(slice_bytes(slice).size() == slice.size_bytes && slice.size_bytes > 0);
    const auto first = slice_bytes(outcome->slices.front());
    const auto header = parse_batch_header(first);
    require(header && header->last_offset() >= at);
    at = outcome->next_offset;
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  byte_reader input{std::as_bytes(std::span{data, size})};
  const auto flags = input.read_be<std::uint8_t>();
  const auto recovery_point = input.read_be<std::uint8_t>();
  const auto start_offset = input.read_be<std::uint8_t>();
  memory_file_system files;
  (void)files.create_directories(directory);
  if (flags & 1)
    put_arbitrary_files(input, files);
  else
    put_edited_log(input, files);
  file_pool pool{files, 2};
  log_open_options options;
  if (flags & 2)
    options.topic_id.bytes = {1};
  options.config.segment_bytes = 400;
  options.config.index_interval_bytes = 60;
  options.config.cleanup_compact = (flags & 4) != 0;
  options.clean = (flags & 8) != 0;
  options.recovery_point = flags & 16 ? recovery_point % 24 : 0;
  options.log_start_offset = flags & 32 ? start_offset % 32 : 0;
  auto log = partition_log::open(pool, directory, options);
  if (!log) {
    require(!log.error().detail.empty());
    return 0;
  }
  require((*log)->log_end_offset() >= options.recovery_point || options.clean);
  read_all(**log);
  (void)(*log)->find_by_timestamp(1005);
  (void)(*log)->find_max_timestamp();
  const auto end = (*log)->log_end_offset();
  if (end < INT64_MAX - 100) {
    auto batch = make_batch({.base_offset = end, .leader_epoch = std::max((*log)->latest_leader_epoch(), 0)});
    if ((*log)->append(batch.header, batch.bytes, 0))
      read_all(**log);
  }
  if (flags & 64)
    (void)(*log)->truncate_to(end - start_offset % 8);
  else
    (void)(*log)->apply_retention(end, 1'000'000'000);
  require(!(*log)->check_invariants());
  (void)(*log)->close();
  return 0;
}
