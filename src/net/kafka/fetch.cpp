// Fetch: what to ask is in the request or in the client's session; who asks and waits is the operation that both protocols share.
#include "net/kafka/handlers.hpp"
#include "net/kafka/shared.hpp"

#include <algorithm>
#include <optional>

namespace cafka::net::kafka {

namespace {

// One request between its frame and its response.
struct pending_fetch {
  struct row {
    uuid topic_id;
    errc refused = errc::none; // for this reason the partition is not asked
    storage::epoch_end diverged; // end_offset −1: the client's log is as ours. Not asked either, else
    [[nodiscard]] bool is_asked() const noexcept { return refused == errc::none && diverged.end_offset < 0; }
  };
  std::shared_ptr<kafka_session> session;
  call to;
  budget_charge charge;
  bool by_id = false;
  bool wants_session = false;
  std::shared_ptr<fetch_session> incremental; // null: the response has every row
  std::uint64_t layout = 0;
  std::vector<asked_fetch> asked;
  std::vector<std::uint32_t> places; // in `incremental`
  one_or_more<row> rows; // of each asked
  net::fetch_request wanted;
  isolation level{};
};
using pending_ptr = std::shared_ptr<pending_fetch>;

// ---- what is asked ----

std::vector<asked_fetch> asked_in(const fetch_request& request, bool by_id) {
  std::vector<asked_fetch> all;
  std::size_t count = 0;
  for (const auto& topic : request.topics)
    count += topic.partitions.size();
  all.reserve(count);
  for (const auto& topic : request.topics) {
    const auto name = by_id ? nullptr : std::make_shared<const std::string>(topic.topic);
    for (const auto& each : topic.partitions)
      all.push_back({{name, {topic.topic_id, each.partition}},
                     each.current_leader_epoch,
                     each.fetch_offset,
                     each.last_fetched_epoch,
                     static_cast<std::uint32_t>(std::max(each.partition_max_bytes, 0))});
  }
  return all;
}

std::vector<fetch_key> forgotten_in(const fetch_request& request, bool by_id) {
  std::vector<fetch_key> all;
  for (const auto& topic : request.forgotten_topics_data) {
    const auto name = by_id ? nullptr : std::make_shared<const std::string>(topic.topic);
    for (const auto number : topic.partitions)
      all.push_back({name, {topic.topic_id, number}});
  }
  return all;
}

// Fills in what is to be asked; the error of the whole request, if there is one.
errc open_session(pending_fetch& fetch, const fetch_request& request) {
  constexpr std::int32_t new_session = 0, no_session = -1;
  auto& cache = fetch.session->context().fetch_sessions;
  if (request.session_epoch == new_session || request.session_epoch == no_session) {
    if (request.session_id != 0)
      cache.remove(request.session_id);
    fetch.wants_session = request.session_epoch == new_session;
    fetch.asked = asked_in(request, fetch.by_id);
    return errc::none;
  }
  auto found = cache.find(request.session_id, fetch.session->loop().now_ms());
  if (!found)
    return errc::fetch_session_id_not_found;
  auto turn = found->begin(request.session_epoch, fetch.by_id, asked_in(request, fetch.by_id), forgotten_in(request, fetch.by_id),
                           std::min(cache.room_for(*found), max_partitions_per_request));
  if (!turn && turn.error().code != errc::too_many_requests)
    return turn.error().code;
  if (!turn || turn->partitions.empty())
    cache.remove(request.session_id);
  if (!turn) // the client begins anew, and is given no session if it still asks for so much
    return errc::fetch_session_id_not_found;
  cache.resized(found);
  fetch.asked = std::move(turn->partitions);
  fetch.places = std::move(turn->places);
  fetch.layout = turn->layout;
  if (!fetch.asked.empty())
    fetch.incremental = std::move(found);
  return errc::none;
}

void find_topics(pending_fetch& fetch) {
  const auto image = fetch.session->node().image();
  fetch.rows.resize(fetch.asked.size());
  const metadata::topic_image* topic = nullptr;
  for (std::size_t i = 0; i < fetch.asked.size(); ++i) {
    const auto& key = fetch.asked[i].key;
    if (i == 0 || !key.has_same_topic(fetch.asked[i - 1].key))
      topic = key.name ? image->find_topic(*key.name) : image->find_topic(key.id.topic_id);
    auto& row = fetch.rows[i];
    row.topic_id = topic != nullptr ? topic->id : key.id.topic_id;
    if (topic == nullptr)
      row.refused = fetch.by_id ? errc::unknown_topic_id : errc::unknown_topic_or_partition;
    else if (topic->find_partition(key.id.partition) == nullptr)
      row.refused = errc::unknown_topic_or_partition;
  }
}

// ---- the response ----

// Fills a vector again from its front: elements that are there already keep their memory.
template <class T>
class refill {
public:
  explicit refill(std::vector<T>& into) : into_(&into) {}
  T& next() {
    if (count_ == into_->size())
      into_->emplace_back();
    return (*into_)[count_++];
  }
  void end() { into_->resize(count_); }

private:
  std::vector<T>* into_;
  std::size_t count_ = 0;
};

struct row_answer {
  errc code = errc::none;
  fetch_outcome* found = nullptr; // null: was not asked
  std::uint32_t index = 0; // of `found`
};

void fill(fetch_response::fetched_partition& to, const pending_fetch& fetch, std::size_t row, const row_answer& answer) {
  const auto& diverged = fetch.rows[row].diverged;
  const bool has_offsets = answer.code == errc::none && answer.found != nullptr;
  to.partition_index = fetch.asked[row].key.id.partition;
  to.error_code = error_code_of(answer.code);
  to.high_watermark = has_offsets ? answer.found->high_watermark : -1;
  to.last_stable_offset = has_offsets ? answer.found->last_stable_offset : -1;
  to.log_start_offset = has_offsets ? answer.found->log_start_offset : -1;
  to.diverging_epoch = {diverged.end_offset < 0 ? -1 : diverged.leader_epoch, diverged.end_offset};
  to.current_leader = {};
  if (fetch.level == isolation::read_committed) // null says "not looked for"
    to.aborted_transactions.emplace();
  else
    to.aborted_transactions.reset();
  to.preferred_read_replica = no_node;
  to.records = {has_offsets ? static_cast<std::uint32_t>(answer.found->records.size_bytes) : 0, answer.index};
}

void answer(pending_fetch& fetch, std::vector<fetch_outcome> outcomes) {
  auto& session = *fetch.session;
  session.remove_fetch(fetch.to);
  // One per shard: nothing else runs there until the response is encoded, and its arrays keep their memory.
  thread_local fetch_response response;
  response.node_endpoints.clear();
  response.session_id = fetch.incremental ? fetch.incremental->id() : 0;
  const auto image = session.node().image(); // what names leaders are views of it
  std::optional<fetch_session::telling> telling;
  if (fetch.incremental)
    telling.emplace(*fetch.incremental, fetch.layout);
  std::vector<told_fetch> told;
  refill topics{response.responses};
  std::optional<refill<fetch_response::fetched_partition>> partitions;
  const fetch_key* topic_of = nullptr;
  std::uint32_t next_outcome = 0;
  for (std::size_t i = 0; i < fetch.asked.size(); ++i) {
    const auto& key = fetch.asked[i].key;
    const auto& row = fetch.rows[i];
    row_answer found{row.refused};
    if (row.is_asked()) {
      found = {outcomes[next_outcome].code, &outcomes[next_outcome], next_outcome};
      ++next_outcome;
      if (found.code == errc::unknown_topic_id && !fetch.by_id) // deleted while this waited
        found.code = errc::unknown_topic_or_partition;
    }
    const bool has_offsets = found.found != nullptr && found.code == errc::none;
    const auto now = has_offsets ? told_fetch{found.found->high_watermark, found.found->log_start_offset} : told_fetch{};
    if (fetch.wants_session)
      told.push_back(now);
    if (telling && !telling->needs(key, fetch.places[i], found.code, now, has_offsets && found.found->records.size_bytes != 0) &&
        row.diverged.end_offset < 0)
      continue;
    if (topic_of == nullptr || !topic_of->has_same_topic(key)) {
      if (partitions)
        partitions->end();
      auto& topic = topics.next();
      topic.topic = key.name ? std::string_view(*key.name) : std::string_view{};
      topic.topic_id = key.id.topic_id;
      partitions.emplace(topic.partitions);
      topic_of = &key;
    }
    auto& to = partitions->next();
    fill(to, fetch, i, found);
    if (fetch.to.version >= 16 && (found.code == errc::not_leader_or_follower || found.code == errc::fenced_leader_epoch))
      name_leader(response, to.current_leader, *image, session.host().listener_name(), {row.topic_id, key.id.partition});
  }
  if (partitions)
    partitions->end();
  topics.end();
  telling.reset();
  if (fetch.wants_session)
    response.session_id = session.context().fetch_sessions.create(fetch.by_id, fetch.asked, told, session.loop().now_ms());

  auto message = encode_response(response, fetch.to.correlation_id, fetch.to.header_version, fetch.to.version,
                                 [&](outgoing& into, std::size_t at, const codec::record_slot& slot) {
                                   for (auto& slice : outcomes[slot.index].records.slices)
                                     into.slices.push_back({at, std::move(slice)});
                                 });
  session.host().respond(fetch.to.ticket, std::move(message));
  if (fetch.asked.size() > kept_partitions)
    response = {};
}

// ---- on the way ----

void start(const pending_ptr& fetch) {
  auto& session = *fetch->session;
  auto& wanted = fetch->wanted;
  wanted.partitions.reserve(fetch->asked.size());
  for (std::size_t i = 0; i < fetch->asked.size(); ++i) {
    const auto& [key, current_leader_epoch, offset, last_fetched_epoch, max_bytes] = fetch->asked[i];
    if (fetch->rows[i].is_asked())
      wanted.partitions.push_back(
          {{fetch->rows[i].topic_id, key.id.partition}, current_leader_epoch, offset, max_bytes, true, fetch->level});
    else if (fetch->rows[i].diverged.end_offset >= 0)
      wanted.max_wait_ms = 0; // news already
  }
  if (session.is_finishing())
    wanted.max_wait_ms = 0;
  auto operation = std::make_shared<fetch_operation>(
      session.loop(), session.node(), session.context().parked, std::move(wanted),
      [fetch](std::vector<fetch_outcome> outcomes) { fetch->session->enter([&] { answer(*fetch, std::move(outcomes)); }); });
  session.add_fetch(fetch->to, operation);
  operation->start();
}

// Who says which epoch its last record had learns first whether it still is a prefix of this log.
void check_epochs_and_start(const pending_ptr& fetch) {
  std::vector<std::size_t> questions;
  for (std::size_t i = 0; i < fetch->asked.size(); ++i)
    if (fetch->asked[i].last_fetched_epoch >= 0 && fetch->rows[i].is_asked())
      questions.push_back(i);
  if (questions.empty())
    return start(fetch);
  const auto answers = fetch->session->when_all_done<storage::epoch_end>(
      questions.size(), [fetch, questions](const std::vector<result<storage::epoch_end>>& ends) {
        for (std::size_t i = 0; i < questions.size(); ++i) {
          const auto& asked = fetch->asked[questions[i]];
          auto& row = fetch->rows[questions[i]];
          if (!ends[i])
            row.refused = ends[i].error().code;
          else if (ends[i]->end_offset < 0 || ends[i]->leader_epoch < 0)
            row.refused = errc::offset_out_of_range;
          else if (ends[i]->leader_epoch < asked.last_fetched_epoch || ends[i]->end_offset < asked.offset)
            row.diverged = *ends[i];
        }
        start(fetch);
      });
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const auto& asked = fetch->asked[questions[i]];
    fetch->session->node().end_offset_for_epoch({fetch->rows[questions[i]].topic_id, asked.key.id.partition}, asked.current_leader_epoch,
                                                asked.last_fetched_epoch, answers->slot(i));
  }
  answers->close();
}

result<void> begin(kafka_session& session, const fetch_request& request, const incoming& in) {
  if ((in.version >= 15 ? request.replica_state.replica_id : request.replica_id) >= 0)
    return fail(errc::invalid_request, "a replica fetches on a listener for clients");
  if (request.isolation_level != 0 && request.isolation_level != 1)
    return fail(errc::invalid_request, "isolation level " + std::to_string(request.isolation_level) + " is neither 0 nor 1");
  const auto fetch = std::make_shared<pending_fetch>();
  fetch->session = session.self();
  fetch->by_id = in.version >= 13;
  fetch->level = static_cast<isolation>(request.isolation_level);
  const auto wrong = open_session(*fetch, request);
  const auto held = fetch->asked.size() * fetch_operation::bytes_per_partition;
  fetch->to = session.begin(in, held);
  if (wrong != errc::none) {
    fetch_response response;
    response.error_code = error_code_of(wrong);
    session.reply(fetch->to, response);
    return {};
  }
  fetch->charge = budget_charge(session.host().pool(), held);
  auto& wanted = fetch->wanted;
  wanted.max_wait_ms = session.host().pool()->is_tight() ? 0 : std::clamp(request.max_wait_ms, 0, longest_wait_ms);
  wanted.max_bytes = std::min(static_cast<std::uint64_t>(std::max(request.max_bytes, 0)), session.max_fetch_bytes());
  wanted.min_bytes = std::min(static_cast<std::uint64_t>(std::max(request.min_bytes, 0)), wanted.max_bytes);
  find_topics(*fetch);
  check_epochs_and_start(fetch);
  return {};
}

} // namespace

result<void> handle_fetch(kafka_session& session, incoming in) {
  // One per shard, as above: the request is taken over in one go.
  thread_local fetch_request request;
  byte_reader body{in.body};
  auto done = codec::decode_into(request, body, in.version, max_decoded_bytes);
  std::size_t asked = 0;
  auto held = request.topics.capacity() + request.forgotten_topics_data.capacity();
  for (const auto& topic : request.topics) {
    asked += topic.partitions.size();
    held += topic.partitions.capacity();
  }
  for (const auto& topic : request.forgotten_topics_data)
    held += topic.partitions.capacity();
  if (done && asked > max_partitions_per_request)
    done = too_many_partitions(asked);
  if (done)
    done = begin(session, request, in);
  if (held > kept_partitions)
    request = {};
  return done;
}

} // namespace cafka::net::kafka
