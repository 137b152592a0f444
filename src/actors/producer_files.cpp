#include "actors/producer_files.hpp"

namespace cafka::actors {

namespace {

struct found_snapshot {
  std::int64_t offset = 0;
  std::vector<storage::producer_snapshot_entry> entries;
  std::vector<storage::earlier_batch> earlier;
};

bool is_void(const error& why) { return why.code == errc::bad_format || why.code == errc::not_found; }

void report(const storage::log_open_options& options, const error& why, std::string_view what_is_done) {
  if (options.report)
    options.report(options.name.to_string() + ": " + why.detail + std::string{what_is_done});
}

result<void> remove_all(storage::partition_log& log, const std::vector<std::int64_t>& offsets) {
  for (const auto offset : offsets)
    CAFKA_TRY(log.remove_producer_snapshot(offset));
  return {};
}

// nullopt: the log is to be read from its beginning. One that is void is removed. So is one that a power loss may have parted from its earlier
// batches: the log from the one before on, which recovery has read as well, says more, and a later start must not trust it again.
result<std::optional<found_snapshot>> newest_snapshot(storage::partition_log& log, const storage::log_open_options& options) {
  std::optional<found_snapshot> oldest;
  std::vector<std::int64_t> passed_over;
  const auto all = log.producer_snapshots();
  for (auto offset = all.rbegin(); offset != all.rend(); ++offset) {
    auto entries = log.read_producer_snapshot(*offset);
    if (!entries) {
      if (!is_void(entries.error()))
        return tl::unexpected<error>(std::move(entries.error()));
      report(options, entries.error(), "; removed");
      CAFKA_TRY(log.remove_producer_snapshot(*offset));
      continue;
    }
    if (entries->empty()) {
      CAFKA_TRY(remove_all(log, passed_over));
      return found_snapshot{*offset, {}, {}};
    }
    auto earlier = log.read_earlier_batches(*offset, *entries);
    if (!earlier && !is_void(earlier.error()))
      return tl::unexpected<error>(std::move(earlier.error()));
    if (!earlier && earlier.error().code == errc::bad_format)
      report(options, earlier.error(), "; ignored");
    if (earlier || options.clean || *offset < options.recovery_point) {
      CAFKA_TRY(remove_all(log, passed_over));
      return found_snapshot{*offset, std::move(*entries), std::move(earlier).value_or(std::vector<storage::earlier_batch>{})};
    }
    oldest = found_snapshot{*offset, std::move(*entries), {}};
    passed_over.push_back(*offset);
  }
  if (log.log_start_offset() == 0)
    oldest.reset();
  else if (oldest)
    passed_over.pop_back(); // what was before it is not in the log any more
  CAFKA_TRY(remove_all(log, passed_over));
  return oldest;
}

} // namespace

result<replication::producer_state> load_producers(storage::partition_log& log, const replication::producer_limits& limits,
                                                   const storage::log_open_options& options) {
  replication::producer_state state{limits};
  std::int64_t known_to = 0;
  const bool had_any = !log.producer_snapshots().empty();
  CAFKA_TRY_ASSIGN(found, newest_snapshot(log, options));
  if (found) {
    state.load(found->entries, found->earlier, options.now_ms);
    known_to = found->offset;
  }
  if (known_to >= log.log_end_offset() || (options.clean && !had_any))
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
  return log.write_producer_snapshot(base_offset, producers.to_snapshot(), producers.earlier_batches());
}

result<void> snapshot_at_close(storage::partition_log& log, const replication::producer_state& producers) {
  const auto& snapshots = log.producer_snapshots();
  const auto end = log.log_end_offset();
  if (!snapshots.empty() && snapshots.back() == end)
    return {};
  if (producers.empty() && snapshots.empty() && log.segment_count() == 1)
    return {};
  return log.write_producer_snapshot(end, producers.to_snapshot(), producers.earlier_batches());
}

} // namespace cafka::actors
