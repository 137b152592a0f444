#include "actors/snapshot_writer.hpp"

namespace cafka::actors {

snapshot_writer::snapshot_writer(caf::actor_config& config, storage::file_system* files, std::string directory,
                                 std::shared_ptr<const std::atomic<bool>> stopping)
    : snapshot_writer_actor::base(config), files_(files), directory_(std::move(directory)), stopping_(std::move(stopping)) {}

snapshot_writer::behavior_type snapshot_writer::make_behavior() {
  return {[this](snapshot_order& order) { std::visit([this](auto& what) { obey(what); }, order.what); }};
}

void snapshot_writer::obey(write_snapshot& order) { order.done.deliver(write(order)); }

result<kept_snapshot> snapshot_writer::write(const write_snapshot& order) {
  CAFKA_TRY_ASSIGN(file, snapshot_file::create(*files_, directory_, order.position));
  CAFKA_TRY(write_image(file, *order.image, order.last_timestamp_ms, [this] { return stopping_->load(std::memory_order_relaxed); }));
  CAFKA_TRY(file.keep());
  return kept_snapshot{order.position, file.size_bytes(), order.last_timestamp_ms, order.image};
}

void snapshot_writer::obey(begin_snapshot& order) {
  if (receiving_)
    (void)files_->remove(receiving_->unfinished_path()); // best effort: the next start removes what is left
  receiving_.reset();
  auto begun = snapshot_file::create(*files_, directory_, order.position);
  received_ = begun ? result<void>{} : tl::unexpected<error>(begun.error());
  if (begun)
    receiving_ = std::make_unique<snapshot_file>(std::move(*begun));
}

void snapshot_writer::obey(write_piece& order) {
  if (received_)
    received_ = append_piece(as_byte_span(order.bytes));
  order.done.deliver(received_);
}

result<void> snapshot_writer::append_piece(byte_span piece) {
  if (!receiving_)
    return fail(errc::invalid_request, "no snapshot is being received");
  return receiving_->append(piece);
}

void snapshot_writer::obey(keep_snapshot& order) {
  auto outcome = keep_received();
  receiving_.reset();
  order.done.deliver(std::move(outcome));
}

result<kept_snapshot> snapshot_writer::keep_received() {
  CAFKA_TRY(received_);
  if (!receiving_)
    return fail(errc::invalid_request, "no snapshot was received");
  const auto position = receiving_->position();
  CAFKA_TRY_ASSIGN(content, read_snapshot(*files_, receiving_->unfinished_path(), position));
  CAFKA_TRY(receiving_->keep());
  return kept_snapshot{position, content.size_bytes, content.last_timestamp_ms, std::move(content.image)};
}

} // namespace cafka::actors
