// The metadata actor's snapshots: its own, so that the log can go and a start is short, and the leader's, where the log that this node lacks is gone.
// Own: due → the published image to the writer → kept → what lies before it goes as the limits say.
// Leader's: named by a fetch_response → pieces, each written before the next is asked for → all there → recovery point lowered → checked, kept and
// read → log started over at its end → image published.
#include "actors/metadata.hpp"

#include "base/log.hpp"

#include <caf/send.hpp>

#include <chrono>

namespace cafka::actors {

namespace {

constexpr std::size_t max_piece_bytes = 512 << 10;
constexpr std::int64_t lent_for_ms = 60'000; // after the last piece: then its file is closed

} // namespace

// A reply that comes back as a message to this actor: others call it from their threads.
template <class Event, class T>
completion_reply<T> metadata_keeper::telling(Event event) {
  return net::completion<T>{[self = caf::actor_cast<metadata_actor>(this), event = std::move(event)](result<T> outcome) mutable {
    event.outcome = std::move(outcome);
    caf::anon_send(self, metadata_request{snapshot_event{std::move(event)}});
  }};
}

void metadata_keeper::obey(snapshot_event& event) {
  if (!given_up_ && ground_ && quorum_)
    std::visit([this](auto& what) { on(what); }, event.what);
}

// -- this node's own --------------------------------------------------------------------------------------------------

void metadata_keeper::write_if_due() {
  if (given_up_ || !ground_ || !ground_->snapshots)
    return;
  if (now_ms() - lent_ms_ > lent_for_ms)
    ground_->log->close_pieces();
  if (auto deletable = ground_->log->log().take_deletable_files(with_->time->wall_ms()); !deletable.empty())
    caf::anon_send(ground_->flusher, directory_order{remove_files{std::move(deletable), 0}});
  // Records of a transaction that is open would be in neither the snapshot nor the log after it.
  if (keeping_ || !schedule_.is_due(now_ms()) || committed_.in_transaction())
    return;
  write_snapshot order;
  order.image = with_->published->load();
  order.position = {order.image->epoch(), applied_end_offset_};
  order.last_timestamp_ms = last_timestamp_ms_;
  order.done = telling<snapshot_written, kept_snapshot>({});
  schedule_.begin(now_ms());
  caf::anon_send(ground_->snapshots, snapshot_order{std::move(order)});
}

void metadata_keeper::on(snapshot_written& written) {
  if (!written.outcome) {
    CAFKA_LOG_WARN("no snapshot of the metadata was written: {}; the log keeps it all, and it is tried again in {} s",
                   written.outcome.error().to_string(), metadata::snapshot_schedule::retry_ms / 1'000);
    schedule_.failed(now_ms());
    return;
  }
  schedule_.succeeded();
  if (!adopt(*written.outcome))
    return;
  const auto log_start_offset = ground_->log->log().log_start_offset();
  // One of the leader's may have come meanwhile, which is newer.
  if (const auto newest = ground_->log->newest_snapshot(); newest == written.outcome->position)
    quorum_->snapshot_taken(*newest, log_start_offset);
  CAFKA_LOG_INFO("snapshot of the metadata at offset {}, epoch {}: {} bytes; the log begins at {}", written.outcome->position.end_offset,
                 written.outcome->position.leader_epoch, written.outcome->size_bytes, log_start_offset);
}

// Lets go what the limits do not keep.
bool metadata_keeper::adopt(const kept_snapshot& kept) {
  auto& log = *ground_->log;
  log.add_snapshot({kept.position, kept.size_bytes, kept.last_timestamp_ms});
  auto dropped = log.drop_old({with_->config->metadata_retention_bytes, with_->config->metadata_retention_ms}, with_->time->wall_ms());
  if (!dropped) {
    give_up("cannot shorten the metadata log: " + dropped.error().to_string());
    return false;
  }
  with_->marks->log_start_offset.store(log.log().log_start_offset(), std::memory_order_release);
  if (!dropped->empty())
    caf::anon_send(ground_->flusher, directory_order{remove_files{std::move(*dropped), 0}});
  return true;
}

// -- for another node -------------------------------------------------------------------------------------------------

// Where it cannot be read the node that asked is told that it is gone, which it may well be.
void metadata_keeper::attach_piece(quorum_message& out) {
  auto* response = std::get_if<election::snapshot_response>(&out.content);
  if (!response || !response->accepted)
    return;
  lent_ms_ = now_ms();
  auto piece = ground_->log->read_piece(response->snapshot, response->position, max_piece_bytes);
  if (!piece) {
    CAFKA_LOG_ERROR("a snapshot of the metadata cannot be sent: {}", piece.error().to_string());
    return;
  }
  response->size_bytes = piece->size_bytes;
  out.batches = std::move(piece->bytes);
}

// -- the leader's -----------------------------------------------------------------------------------------------------

void metadata_keeper::begin_receiving(const election::log_position& snapshot) {
  ++transfer_;
  CAFKA_LOG_INFO("the leader's log begins behind what this node has: receiving its snapshot at offset {}, epoch {}", snapshot.end_offset,
                 snapshot.leader_epoch);
  if (ground_->snapshots)
    caf::anon_send(ground_->snapshots, snapshot_order{begin_snapshot{snapshot}});
}

void metadata_keeper::take_piece(std::int64_t position, std::string bytes) {
  if (!ground_->snapshots)
    return;
  piece_written told{transfer_, position + static_cast<std::int64_t>(bytes.size()), {}};
  caf::anon_send(ground_->snapshots, snapshot_order{write_piece{std::move(bytes), telling<piece_written, void>(std::move(told))}});
}

void metadata_keeper::on(piece_written& written) {
  if (written.transfer != transfer_)
    return; // of one that was given up
  if (written.outcome)
    return carry_out(quorum_->snapshot_received(written.end, now_ms()));
  CAFKA_LOG_WARN("the leader's snapshot cannot be written: {}; it is tried again", written.outcome.error().to_string());
  carry_out(quorum_->snapshot_failed(now_ms()));
}

// A crash in the midst of starting the log over leaves holes, which must not lie below what is known to be sound. What is lowered comes back by the next
// commit.
void metadata_keeper::lower_recovery_point() {
  keeping_ = true;
  with_->marks->recovery_point.store(ground_->log->log().log_start_offset(), std::memory_order_release);
  write_checkpoints order;
  order.recovery_points = true;
  order.done = telling<ready_to_keep, void>({});
  caf::anon_send(ground_->flusher, directory_order{std::move(order)});
}

void metadata_keeper::on(ready_to_keep& ready) {
  if (ready.outcome) {
    caf::anon_send(ground_->snapshots, snapshot_order{keep_snapshot{telling<snapshot_fetched, kept_snapshot>({})}});
    return;
  }
  keeping_ = false;
  CAFKA_LOG_WARN("the leader's snapshot cannot be kept: {}; it is tried again", ready.outcome.error().to_string());
  carry_out(quorum_->snapshot_failed(now_ms()));
}

void metadata_keeper::on(snapshot_fetched& fetched) {
  keeping_ = false;
  if (!fetched.outcome) {
    CAFKA_LOG_WARN("the leader's snapshot cannot be used: {}; it is fetched again", fetched.outcome.error().to_string());
    return carry_out(quorum_->snapshot_failed(now_ms()));
  }
  const auto& kept = *fetched.outcome;
  if (auto begun = ground_->log->start_over_at(kept.position.end_offset); !begun)
    return give_up("cannot start the metadata log over at a snapshot's end: " + begun.error().to_string());
  if (!adopt(kept))
    return;
  committed_ = metadata::image_builder{kept.image};
  applied_end_offset_ = kept.position.end_offset;
  last_timestamp_ms_ = kept.last_timestamp_ms;
  schedule_.replaced(now_ms());
  CAFKA_LOG_INFO("has the leader's snapshot of the metadata at offset {}, epoch {}: {} bytes", kept.position.end_offset,
                 kept.position.leader_epoch, kept.size_bytes);
  carry_out(quorum_->snapshot_loaded(kept.position, now_ms()));
}

} // namespace cafka::actors
