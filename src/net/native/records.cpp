// Requests about records: produce, fetch, list offsets, delete records.
#include "net/gather.hpp"
#include "net/native/wire.hpp"
#include "net/produce_operation.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace cafka::net::native {

namespace {

// Longer waits than any client means; keeps deadlines far from overflow.
constexpr std::uint32_t longest_wait_ms = 3'600'000;

topic_id_partition partition_of(const wire::Uuid& topic_id, std::int32_t partition) { return {to_uuid(topic_id), partition}; }

std::string too_many(int count) {
  return std::to_string(count) + " partitions in one request; at most " + std::to_string(max_partitions_per_request) + " are accepted";
}

} // namespace

// ---- produce ----

class produce_reply final : public produce_operation {
public:
  produce_reply(const std::shared_ptr<native_session>& session, native_session::call to, bool wants_answer, std::size_t count)
      : produce_operation(session, count), session_(*session), to_(to), wants_answer_(wants_answer) {}

private:
  void finish() override {
    if (wants_answer_)
      return answer();
    if (const auto why = failure_without_answer(); !why.empty())
      return session_.host().refuse(why, &to_.ticket);
    session_.host().respond(to_.ticket, {});
  }

  void answer() {
    session_.reply(to_, [&](wire::ResponseHeader& header) {
      auto& response = *header.mutable_produce();
      response.mutable_partitions()->Reserve(static_cast<int>(outcomes_.size()));
      for (auto& outcome : outcomes_) {
        auto& to = *response.add_partitions();
        set_error(to, outcome.code, std::move(outcome.message));
        to.set_may_be_written(outcome.may_be_written);
        to.set_base_offset(outcome.base_offset);
        to.set_log_append_time_ms(outcome.log_append_time_ms);
        to.set_log_start_offset(outcome.log_start_offset);
        to.set_leader_epoch(outcome.leader_epoch);
      }
    });
  }

  native_session& session_;
  const native_session::call to_;
  const bool wants_answer_;
};

void native_session::produce(const request_header& request, std::shared_ptr<frame_buffer> frame, mutable_byte_span payload) {
  const auto& asked = request.produce();
  const auto to = begin(request, *frame);
  const bool wants_answer = asked.acks() != 0;
  const auto promised = std::accumulate(asked.partitions().begin(), asked.partitions().end(), std::uint64_t{0},
                                        [](std::uint64_t sum, const wire::ProducePartition& each) { return sum + each.payload_bytes(); });
  std::string wrong;
  if (asked.partitions_size() > max_partitions_per_request)
    wrong = too_many(asked.partitions_size());
  else if (promised != payload.size())
    wrong = "the partitions announce " + std::to_string(promised) + " bytes of batches, the frame holds " + std::to_string(payload.size());
  if (!wrong.empty())
    return wants_answer ? reply_error(to, errc::invalid_request, std::move(wrong)) : host().refuse(wrong, &to.ticket);

  const auto count = static_cast<std::uint32_t>(asked.partitions_size());
  const auto self = std::static_pointer_cast<native_session>(shared_from_this());
  auto operation = std::make_shared<produce_reply>(self, to, wants_answer, count);
  const auto image = with_.node.image();
  const bool acks_are_known = asked.acks() >= -1 && asked.acks() <= 1;
  const auto deadline = loop().now_ms() + std::min(asked.timeout_ms(), longest_wait_ms);
  std::size_t from = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto& each = asked.partitions(static_cast<int>(i));
    const auto batch = payload.subspan(from, each.payload_bytes());
    from += each.payload_bytes();
    produce_task task{partition_of(each.topic_id(), each.partition()), each.current_leader_epoch(), {}, deadline, frame, batch};
    produce_outcome refused;
    refused.code = acks_are_known ? check_partition(*image, task.partition) : errc::invalid_required_acks;
    if (refused.code != errc::none) {
      operation->produce_done(i, std::move(refused));
      continue;
    }
    task.acks = static_cast<required_acks>(asked.acks());
    with_.node.produce(std::move(task), i, operation);
  }
  operation->close();
}

// ---- fetch ----

void native_session::fetch(const request_header& request, const frame_buffer& frame) {
  const auto& asked = request.fetch();
  const auto count = static_cast<std::size_t>(asked.partitions_size());
  const auto to = begin(request, frame, count * fetch_operation::bytes_per_partition);
  if (asked.partitions_size() > max_partitions_per_request)
    return reply_error(to, errc::invalid_request, too_many(asked.partitions_size()));
  if (asked.isolation() != 0 && asked.isolation() != 1)
    return reply_error(to, errc::invalid_request, "isolation " + std::to_string(asked.isolation()) + " is neither 0 nor 1");

  fetch_request wanted;
  wanted.max_wait_ms = host().pool()->is_tight() ? 0 : std::min(asked.max_wait_ms(), longest_wait_ms);
  wanted.max_bytes = std::min<std::uint64_t>(asked.max_bytes(), max_fetch_bytes_);
  wanted.min_bytes = std::min<std::uint64_t>(asked.min_bytes(), wanted.max_bytes);
  wanted.partitions.reserve(count);
  for (const auto& each : asked.partitions()) {
    fetch_task task;
    task.partition = partition_of(each.topic_id(), each.partition());
    task.current_leader_epoch = each.current_leader_epoch();
    task.offset = each.offset();
    task.max_bytes = each.max_bytes();
    task.level = static_cast<isolation>(asked.isolation());
    wanted.partitions.push_back(std::move(task));
  }
  auto self = std::static_pointer_cast<native_session>(shared_from_this());
  auto charge = std::make_shared<budget_charge>(host().pool(), count * fetch_operation::bytes_per_partition);
  auto operation = std::make_shared<fetch_operation>(loop(), with_.node, with_.parked, std::move(wanted),
                                                     [self, to, charge = std::move(charge)](std::vector<fetch_outcome> outcomes) {
                                                       self->enter([&] { self->fetched(to, std::move(outcomes)); });
                                                     });
  fetches_.emplace(to.ticket.sequence, operation);
  operation->start();
}

void native_session::fetched(const call& to, std::vector<fetch_outcome> outcomes) {
  fetches_.erase(to.ticket.sequence);
  message_arena arena;
  auto& header = arena.make<wire::ResponseHeader>();
  header.set_correlation_id(to.correlation_id);
  auto& response = *header.mutable_fetch();
  response.mutable_partitions()->Reserve(static_cast<int>(outcomes.size()));
  std::uint64_t payload_bytes = 0;
  for (auto& outcome : outcomes) {
    auto& each = *response.add_partitions();
    set_error(each, outcome.code, std::move(outcome.message));
    each.set_high_watermark(outcome.high_watermark);
    each.set_log_start_offset(outcome.log_start_offset);
    each.set_last_stable_offset(outcome.last_stable_offset);
    each.set_leader_epoch(outcome.leader_epoch);
    each.set_payload_bytes(static_cast<std::uint32_t>(outcome.records.size_bytes));
    payload_bytes += outcome.records.size_bytes;
  }
  auto message = encode_frame(header, payload_bytes);
  for (auto& outcome : outcomes)
    for (auto& slice : outcome.records.slices)
      message.slices.push_back({message.bytes.size(), std::move(slice)});
  host().respond(to.ticket, std::move(message));
}

// ---- offsets ----

void native_session::list_offsets(const request_header& request, const call& to) {
  const auto& asked = request.list_offsets();
  if (asked.partitions_size() > max_partitions_per_request)
    return reply_error(to, errc::invalid_request, too_many(asked.partitions_size()));
  if (asked.isolation() != 0 && asked.isolation() != 1)
    return reply_error(to, errc::invalid_request, "isolation " + std::to_string(asked.isolation()) + " is neither 0 nor 1");
  auto self = std::static_pointer_cast<native_session>(shared_from_this());
  auto finish = [self, to](std::vector<result<storage::timestamp_and_offset>> answers) {
    self->enter([&] {
      self->reply(to, [&](wire::ResponseHeader& header) {
        auto& response = *header.mutable_list_offsets();
        for (auto& answer : answers) {
          auto& each = *response.add_partitions();
          const auto found = answer.value_or(storage::timestamp_and_offset{});
          each.set_offset(found.offset);
          each.set_timestamp(found.timestamp);
          each.set_leader_epoch(found.leader_epoch);
          if (!answer)
            set_error(each, answer.error());
        }
      });
    });
  };
  auto answers = std::make_shared<gather<storage::timestamp_and_offset>>(loop(), asked.partitions_size(), std::move(finish));
  const auto image = with_.node.image();
  for (int i = 0; i < asked.partitions_size(); ++i) {
    const auto& each = asked.partitions(i);
    const auto partition = partition_of(each.topic_id(), each.partition());
    const auto index = static_cast<std::size_t>(i);
    if (const auto code = check_partition(*image, partition); code != errc::none)
      answers->answer(index, fail(code));
    else if (each.timestamp() < max_timestamp)
      answers->answer(index, fail(errc::invalid_request, "timestamp " + std::to_string(each.timestamp()) + " has no meaning"));
    else
      with_.node.list_offset(partition, each.current_leader_epoch(), each.timestamp(), static_cast<isolation>(asked.isolation()),
                             answers->slot(index));
  }
  answers->close();
}

void native_session::delete_records(const request_header& request, const call& to) {
  const auto& asked = request.delete_records();
  if (asked.partitions_size() > max_partitions_per_request)
    return reply_error(to, errc::invalid_request, too_many(asked.partitions_size()));
  auto self = std::static_pointer_cast<native_session>(shared_from_this());
  auto finish = [self, to](std::vector<result<std::int64_t>> answers) {
    self->enter([&] {
      self->reply(to, [&](wire::ResponseHeader& header) {
        auto& response = *header.mutable_delete_records();
        for (auto& answer : answers) {
          auto& each = *response.add_partitions();
          each.set_log_start_offset(answer.value_or(-1));
          if (!answer)
            set_error(each, answer.error());
        }
      });
    });
  };
  auto answers = std::make_shared<gather<std::int64_t>>(loop(), asked.partitions_size(), std::move(finish));
  const auto image = with_.node.image();
  const auto deadline = loop().now_ms() + std::min(asked.timeout_ms(), longest_wait_ms);
  for (int i = 0; i < asked.partitions_size(); ++i) {
    const auto& each = asked.partitions(i);
    const auto partition = partition_of(each.topic_id(), each.partition());
    const auto index = static_cast<std::size_t>(i);
    if (const auto code = check_partition(*image, partition); code != errc::none)
      answers->answer(index, fail(code));
    else if (each.before_offset() < -1)
      answers->answer(index, fail(errc::offset_out_of_range, "offset " + std::to_string(each.before_offset()) + " is negative"));
    else
      with_.node.delete_records(partition, each.before_offset(), deadline, answers->slot(index));
  }
  answers->close();
}

} // namespace cafka::net::native
