#include "actors/producer_files.hpp"

namespace cafka::actors {

namespace {

// True if one was found.
result<bool> load_newest_snapshot(storage::partition_log& log, replication::producer_state& state, std::int64_t& end_offset,
                                  const storage::log_open_options& options) {
  while (!log.producer_snapshots().empty()) {
    const auto offset = log.producer_snapshots().back();
    auto entries = log.read_producer_snapshot(offset);
    if (entries) {
      state.load(*entries, options.now_ms);
      end_offset = offset;
      return true;
    }
    if (entries.error().code != errc::bad_format && entries.error().code != errc::not_found)
      return tl::unexpected<error>(std::move(entries.error()));
    if (options.report)
      options.report(options.name.to_string() + ": " + entries.error().detail + "; removed");
    CAFKA_TRY(log.remove_producer_snapshot(offset));
  }
  return false;
}

} // namespace

result<replication::producer_state> load_producers(storage::partition_log& log, const replication::producer_limits& limits,
                                                   const storage::log_open_options& options) {
  replication::producer_state state{limits};
  std::int64_t known_to = 0;
  const bool had_any = !log.producer_snapshots().empty();
  CAFKA_TRY_ASSIGN(found, load_newest_snapshot(log, state, known_to, options));
  if (known_to >= log.log_end_offset() || (options.clean && !had_any && !found))
    return state;
  auto walked =
      log.walk_headers(known_to, [&](const storage::batch_header& header, const std::optional<storage::transaction_marker>& marker) {
        if (header.base_offset < known_to)
          return; // the snapshot knows it
        if (marker)
          state.append_marker(header, *marker);
        else
          state.append(header);
      });
  if (!walked && walked.error().code == errc::corrupt_message)
    return fail(errc::quarantined, walked.error().detail + ". It was met while producers' sequences were read from the log");
  CAFKA_TRY(walked);
  return state;
}

result<void> snapshot_at_roll(storage::partition_log& log, const replication::producer_state& producers, std::int64_t base_offset) {
  return log.write_producer_snapshot(base_offset, producers.to_snapshot());
}

result<void> snapshot_at_close(storage::partition_log& log, const replication::producer_state& producers) {
  const auto& snapshots = log.producer_snapshots();
  const auto end = log.log_end_offset();
  if (!snapshots.empty() && snapshots.back() == end)
    return {};
  if (producers.empty() && snapshots.empty() && log.segment_count() == 1)
    return {};
  return log.write_producer_snapshot(end, producers.to_snapshot());
}

} // namespace cafka::actors
