#include "storage/segment_files.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <tuple>

namespace cafka::storage {

namespace {
constexpr std::size_t digits = 20;
constexpr std::string_view snapshot_temporary = ".snapshot.tmp";
constexpr std::string_view sequences_temporary = ".sequences.tmp";

// The base offset and suffix of a segment's file; nullopt for any other name.
std::optional<std::pair<std::int64_t, std::string_view>> parse_segment_name(std::string_view name) {
  if (name.size() <= digits || name[digits] != '.')
    return std::nullopt;
  std::int64_t base_offset = 0;
  const auto* end = name.data() + digits;
  const auto [stop, problem] = std::from_chars(name.data(), end, base_offset);
  if (problem != std::errc{} || stop != end || base_offset < 0 || name[0] == '-')
    return std::nullopt;
  return std::pair{base_offset, name.substr(digits)};
}

} // namespace

std::string segment_path(std::string_view directory, std::int64_t base_offset, std::string_view suffix) {
  std::array<char, digits> number{};
  const auto [stop, problem] = std::to_chars(number.data(), number.data() + number.size(), base_offset);
  const auto length = static_cast<std::size_t>(stop - number.data());
  std::string path;
  path.reserve(directory.size() + 1 + digits + suffix.size());
  path.append(directory).append(1, '/').append(digits - length, '0').append(number.data(), length).append(suffix);
  return path;
}

result<partition_listing> list_partition(file_system& files, const std::string& directory) {
  CAFKA_TRY_ASSIGN(entries, files.list(directory));
  partition_listing listing;
  std::map<std::int64_t, std::pair<std::uint64_t, std::uint64_t>> indexes;
  std::vector<std::pair<std::int64_t, std::string>> index_names;
  for (auto& entry : entries) {
    const std::string_view name = entry.name;
    const auto parsed = parse_segment_name(name);
    const auto suffix = parsed ? parsed->second : std::string_view{};
    if (entry.is_directory) {
      listing.strays.push_back(entry.name);
    } else if (suffix == log_suffix) {
      listing.segments.push_back({.base_offset = parsed->first, .log_bytes = entry.size_bytes});
    } else if (suffix == index_suffix || suffix == time_index_suffix) {
      auto& sizes = indexes[parsed->first];
      (suffix == index_suffix ? sizes.first : sizes.second) = entry.size_bytes;
      index_names.emplace_back(parsed->first, entry.name);
    } else if (suffix == snapshot_suffix) {
      listing.snapshots.push_back(parsed->first);
    } else if (suffix == sequences_suffix) {
      listing.sequences.push_back(parsed->first);
    } else if (suffix == transaction_index_suffix) {
      index_names.emplace_back(parsed->first, entry.name);
    } else if (parsed && name.ends_with(deleted_suffix)) {
      listing.deleted.push_back(entry.name);
    } else if ((parsed && (name.ends_with(cleaned_suffix) || suffix == snapshot_temporary || suffix == sequences_temporary)) ||
               name == "leader-epoch-checkpoint.tmp" || name == "partition.metadata.tmp") {
      listing.unfinished.push_back(entry.name);
    } else if (parsed && name.ends_with(swap_suffix)) {
      listing.swaps.push_back(entry.name);
    } else if (name == epoch_checkpoint_name) {
      listing.has_epoch_checkpoint = true;
    } else if (name == metadata_name) {
      listing.has_metadata = true;
    } else {
      listing.strays.push_back(entry.name);
    }
  }
  std::sort(listing.segments.begin(), listing.segments.end(), [](const auto& a, const auto& b) { return a.base_offset < b.base_offset; });
  for (auto& segment : listing.segments) {
    if (auto found = indexes.find(segment.base_offset); found != indexes.end())
      std::tie(segment.index_bytes, segment.time_index_bytes) = found->second;
  }
  // An index without its log serves nobody.
  for (auto& [base_offset, name] : index_names) {
    const auto same = [base = base_offset](const found_segment& s) { return s.base_offset == base; };
    if (std::none_of(listing.segments.begin(), listing.segments.end(), same))
      listing.strays.push_back(name);
  }
  return listing;
}

} // namespace cafka::storage
