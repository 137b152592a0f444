// The metadata actor's part in the quorum: its core's effects carried out in their order, messages from and to other nodes.
#include "actors/metadata.hpp"

#include "actors/log_batches.hpp"
#include "base/log.hpp"

#include <caf/send.hpp>

namespace cafka::actors {

namespace {

constexpr std::uint32_t max_fetch_bytes = 1 << 20; // of batches in one message

} // namespace

// -- links ------------------------------------------------------------------------------------------------------------

void metadata_keeper::obey(link_event& event) {
  std::visit([this](auto& what) { on(what); }, event.what);
}

void metadata_keeper::on(link_up& up) {
  peers_[up.id] = {up.incarnation_id, up.metadata};
  refused_.erase(up.id);
  if (up.may_ask)
    follow_leader();
}

void metadata_keeper::on(link_down& down) {
  peers_.erase(down.id);
  fail_calls(down.id);
  follow_leader();
}

void metadata_keeper::on(link_refused& refused) {
  if (!quorum_ || given_up_ || peers_.contains(refused.id))
    return;
  refused_.insert(refused.id);
  carry_out(quorum_->peer_unreachable(refused.id, now_ms()));
  fence_refused();
}

// Nobody listens there: its process is gone. It may have been replaced by the time this is acted upon, so it is a hint to the quorum, and a reason
// to fence only for who knows that he still leads, and only while there is no link.
void metadata_keeper::fence_refused() {
  if (given_up_ || !controller_.active() || !quorum_->majority_contact_since(now_ms() - contact_ms))
    return;
  for (const auto id : std::exchange(refused_, {})) {
    const auto known = controller_.working().brokers().find(id);
    if (known == controller_.working().brokers().end())
      continue;
    const auto fenced = controller_.fence_broker(id, known->second.broker_epoch);
    if (fenced.records.empty())
      continue;
    CAFKA_LOG_WARN("broker {} is gone: nothing listens at its address; fenced", id);
    if (!append(fenced.records))
      return;
  }
}

bool metadata_keeper::is_linked(const origin& from) const {
  const auto known = peers_.find(from.id);
  return known != peers_.end() && known->second.incarnation_id == from.incarnation_id;
}

// -- messages ---------------------------------------------------------------------------------------------------------

void metadata_keeper::take(quorum_message& message) {
  if (!quorum_ || given_up_ || !is_linked(message.from))
    return;
  auto effects = quorum_->handle(message.from.id, message.content, now_ms());
  const auto wanted = quorum_->wants_records() && std::holds_alternative<election::fetch_response>(message.content);
  const auto* piece = quorum_->wants_piece() ? std::get_if<election::snapshot_response>(&message.content) : nullptr;
  carry_out(std::move(effects));
  if (wanted && !given_up_)
    append_fetched(as_byte_span(message.batches));
  if (piece && !given_up_)
    take_piece(piece->position, std::move(message.batches));
}

void metadata_keeper::append_fetched(byte_span batches) {
  auto& log = ground_->log->log();
  while (!batches.empty() && !given_up_) {
    const auto header = storage::parse_batch_header(batches);
    const auto usable = header && header->size_bytes() <= batches.size() && header->base_offset == log.log_end_offset() &&
                        storage::verify_crc(*header, batches.first(header->size_bytes()));
    if (!usable) {
      CAFKA_LOG_ERROR("the quorum's leader sent what does not continue the metadata log at offset {}: not used", log.log_end_offset());
      return;
    }
    if (auto appended = log.append(*header, batches.first(header->size_bytes()), with_->time->wall_ms()); !appended) {
      give_up("cannot append to the metadata log: " + appended.error().to_string());
      return;
    }
    batches = batches.subspan(header->size_bytes());
    carry_out(quorum_->appended(header->base_offset, log.log_end_offset(), header->leader_epoch, now_ms()));
  }
}

void metadata_keeper::send(const election::outgoing& message) {
  const auto to = peers_.find(message.to);
  if (to == peers_.end())
    return; // the core asks again
  quorum_message out{{self(), with_->incarnation_id}, message.content, {}};
  if (const auto* response = std::get_if<election::fetch_response>(&message.content); response && response->has_records) {
    auto batches = read_batches(ground_->log->log(), response->fetch_offset, max_fetch_bytes);
    if (!batches) {
      give_up("cannot read the metadata log: " + batches.error().to_string());
      return;
    }
    out.batches = std::move(*batches);
  }
  attach_piece(out);
  caf::anon_send(to->second.metadata, std::move(out));
}

// -- effects ----------------------------------------------------------------------------------------------------------

void metadata_keeper::carry_out(election::effects effects) {
  if (given_up_ || !persist_and_cut(effects))
    return;
  if (effects.append_leader_change)
    append_leader_change(*effects.append_leader_change);
  for (const auto& each : effects.messages)
    if (!given_up_)
      send(each);
  if (effects.lost_leadership) {
    controller_.deactivate();
    fail_parked();
  }
  serve_when_applied_ = (serve_when_applied_ || effects.ready_to_serve) && !effects.lost_leadership;
  if (effects.high_watermark && !given_up_)
    apply_committed(*effects.high_watermark);
  if (serve_when_applied_ && !given_up_ && quorum_->can_append()) {
    serve_when_applied_ = false;
    begin_serving();
  }
  if (effects.leader_changed || effects.lost_leadership) {
    CAFKA_LOG_DEBUG("metadata quorum: epoch {}, leader {}, {} here", quorum_->epoch(), quorum_->leader(),
                    to_string(quorum_->current_role()));
    follow_leader();
  }
  request_flush();
}

bool metadata_keeper::persist_and_cut(election::effects& effects) {
  if (effects.persist)
    if (auto saved = ground_->log->save_state(*effects.persist); !saved) {
      give_up("cannot write quorum-state: " + saved.error().to_string());
      return false;
    }
  if (effects.receive_snapshot)
    begin_receiving(*effects.receive_snapshot);
  if (effects.load_snapshot)
    lower_recovery_point();
  if (!effects.truncate_to)
    return true;
  if (auto cut = ground_->log->log().truncate_to(*effects.truncate_to); !cut) {
    give_up("cannot truncate the metadata log: " + cut.error().to_string());
    return false;
  }
  carry_out(quorum_->truncated(ground_->log->log().log_end_offset(), now_ms()));
  return !given_up_;
}

void metadata_keeper::append_leader_change(const election::leader_change_message& change) {
  auto& log = ground_->log->log();
  const auto base_offset = log.log_end_offset();
  if (auto begun = log.begin_leader_epoch(quorum_->epoch()); !begun) {
    give_up("cannot write the leader epoch: " + begun.error().to_string());
    return;
  }
  if (auto appended = ground_->log->append(change, quorum_->epoch(), with_->time->wall_ms()); !appended) {
    give_up("cannot append to the metadata log: " + appended.error().to_string());
    return;
  }
  carry_out(quorum_->appended(base_offset, log.log_end_offset(), quorum_->epoch(), now_ms()));
}

} // namespace cafka::actors
