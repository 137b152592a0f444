// The names in a partition's directory, and what a listing of it holds. Names are Kafka's: 20 digits of base offset and a suffix;
// *.deleted waits to be unlinked, *.cleaned is a copy that was never finished and is void, *.swap a finished one of Kafka's cleaner.
#pragma once
#include "storage/file_system.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::storage {

inline constexpr std::string_view log_suffix = ".log";
inline constexpr std::string_view index_suffix = ".index";
inline constexpr std::string_view time_index_suffix = ".timeindex";
inline constexpr std::string_view transaction_index_suffix = ".txnindex";
inline constexpr std::string_view snapshot_suffix = ".snapshot";
inline constexpr std::string_view sequences_suffix = ".sequences"; // ours, beside a snapshot: see producer_snapshot.hpp
inline constexpr std::string_view deleted_suffix = ".deleted";
inline constexpr std::string_view cleaned_suffix = ".cleaned";
inline constexpr std::string_view swap_suffix = ".swap";
inline constexpr std::string_view epoch_checkpoint_name = "leader-epoch-checkpoint";
inline constexpr std::string_view metadata_name = "partition.metadata";

// "<directory>/00000000000000000042.log" for (directory, 42, ".log").
std::string segment_path(std::string_view directory, std::int64_t base_offset, std::string_view suffix);

struct found_segment {
  std::int64_t base_offset = 0;
  std::uint64_t log_bytes = 0;
  std::uint64_t index_bytes = 0; // 0: empty or missing
  std::uint64_t time_index_bytes = 0;
};

struct partition_listing {
  std::vector<found_segment> segments; // by base offset
  std::vector<std::int64_t> snapshots; // offsets in the names of .snapshot files
  std::vector<std::int64_t> sequences; // the same of .sequences files
  std::vector<std::string> deleted;    // names
  std::vector<std::string> unfinished; // names: *.cleaned, *.tmp of ours
  std::vector<std::string> swaps;      // names
  std::vector<std::string> strays;     // names that mean nothing here
  bool has_epoch_checkpoint = false;
  bool has_metadata = false;
};

// errc::not_found if the directory is missing.
result<partition_listing> list_partition(file_system& files, const std::string& directory);

} // namespace cafka::storage
