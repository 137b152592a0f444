#include "replication/replica_fetch.hpp"

#include "replication/partition_leader.hpp"

namespace cafka::replication {

namespace {

// A replica always names the epoch: unlike a consumer it may not leave it out (KIP-320).
errc check_epoch(const partition_leader& leader, std::int32_t current_leader_epoch) noexcept {
  if (!leader.leads())
    return errc::not_leader_or_follower;
  if (current_leader_epoch == leader.leader_epoch())
    return errc::none;
  return current_leader_epoch < leader.leader_epoch() ? errc::fenced_leader_epoch : errc::unknown_leader_epoch;
}

// True if the follower's log is a prefix of `log`; else `response` says how it becomes one.
bool place(const replica_log& log, const replica_fetch_request& request, replica_fetch_response& response) noexcept {
  const bool in_range = request.fetch_offset >= log.log_start_offset && request.fetch_offset <= log.log_end_offset;
  if (request.last_fetched_epoch < 0) { // an empty log, which may begin anywhere
    if (!in_range)
      response.code = errc::offset_out_of_range;
    return in_range;
  }
  const auto end = storage::end_for(log.epochs, request.last_fetched_epoch, log.log_end_offset);
  // Below the own log start nothing can be compared or sent.
  if (request.fetch_offset < log.log_start_offset || end.leader_epoch < 0) {
    response.code = errc::offset_out_of_range;
    return false;
  }
  if (end.leader_epoch == request.last_fetched_epoch && request.fetch_offset <= end.end_offset)
    return true;
  response.diverging = end;
  return false;
}

} // namespace

replica_fetch_response answer_parked(const partition_leader& leader, const replica_log& log,
                                     const replica_fetch_request& request) noexcept {
  replica_fetch_response response;
  response.current_leader_epoch = request.current_leader_epoch;
  response.fetch_offset = request.fetch_offset;
  response.last_fetched_epoch = request.last_fetched_epoch;
  response.code = check_epoch(leader, request.current_leader_epoch);
  if (response.code != errc::none)
    return response;
  response.high_watermark = leader.high_watermark();
  response.log_start_offset = log.log_start_offset;
  if (place(log, request, response))
    response.has_records = request.fetch_offset < log.log_end_offset;
  return response;
}

bool is_due(const partition_leader& leader, const replica_log& log, const replica_fetch_request& request) noexcept {
  return check_epoch(leader, request.current_leader_epoch) != errc::none || request.fetch_offset != log.log_end_offset ||
         request.high_watermark < leader.high_watermark();
}

replica_fetch_answer answer_replica_fetch(partition_leader& leader, const replica_log& log, node_id follower,
                                          const replica_fetch_request& request, std::int64_t now_ms) {
  replica_fetch_answer answer;
  auto& response = answer.response;
  response = answer_parked(leader, log, request);
  if (response.code != errc::none || response.diverging)
    return answer;
  const auto moved = leader.on_follower_fetch({follower, request.broker_epoch, request.fetch_offset, request.flushed_end_offset}, now_ms);
  if (!moved) {
    response = {response.current_leader_epoch, response.fetch_offset, response.last_fetched_epoch, moved.error().code, {}, 0, 0, false};
    return answer;
  }
  answer.high_watermark_moved = *moved;
  response.high_watermark = leader.high_watermark();
  answer.may_park = !is_due(leader, log, request);
  return answer;
}

} // namespace cafka::replication
