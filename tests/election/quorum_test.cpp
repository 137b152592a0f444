#define CAF_SUITE quorum
#include <caf/test/dsl.hpp>

#include "election/quorum.hpp"

using namespace cafka;
using namespace cafka::election;

namespace {

replica_key key(node_id id) { return {id, uuid{{static_cast<std::uint8_t>(id)}}}; }

quorum_config voters(std::initializer_list<node_id> ids, node_id self) {
  std::vector<replica_key> keys;
  for (const auto id : ids)
    keys.push_back(key(id));
  quorum_config config;
  config.self = key(self);
  config.voters = voter_set{keys};
  return config;
}

template <class T>
std::vector<T> sent(const effects& out) {
  std::vector<T> found;
  for (const auto& message : out.messages)
    if (const auto* one = std::get_if<T>(&message.content))
      found.push_back(*one);
  return found;
}

constexpr std::int64_t start_ms = 10'000;

} // namespace

CAF_TEST(a lone voter forms and commits) {
  quorum core{voters({1}, 1), {}, {}, prng{1}, start_ms};
  const auto begun = core.start(start_ms);
  CAF_REQUIRE(begun.persist.has_value());
  CAF_CHECK(*begun.persist == (quorum_state{1, 1, key(1)}));
  CAF_CHECK(begun.became_leader);
  CAF_CHECK(!begun.ready_to_serve);
  CAF_CHECK(!core.can_append());
  CAF_REQUIRE(begun.append_leader_change.has_value());
  CAF_CHECK_EQUAL(begun.append_leader_change->leader_id, 1);
  CAF_CHECK_EQUAL(begun.append_leader_change->granting_voters.size(), 1u);
  CAF_CHECK(!core.appended(0, 1, 1, start_ms).high_watermark);
  const auto synced = core.flushed(1, start_ms);
  CAF_CHECK(synced.high_watermark == 1);
  CAF_CHECK(synced.ready_to_serve);
  CAF_CHECK(core.can_append());
  core.appended(1, 4, 1, start_ms);
  CAF_CHECK_EQUAL(core.high_watermark(), 1); // not synced yet
  CAF_CHECK(core.flushed(4, start_ms).high_watermark == 4);
  CAF_CHECK_EQUAL(core.next_deadline_ms(), INT64_MAX); // an idle node has nothing to do
  CAF_CHECK(core.majority_contact_since(start_ms));
  CAF_CHECK_EQUAL(core.check_invariants().value_or(""), "");
  CAF_CHECK(core.resign(start_ms).lost_leadership);
}

CAF_TEST(a lone voter comes back in a higher epoch) {
  quorum core{voters({1}, 1), {7, 1, key(1)}, {0, 20, {{3, 0}, {7, 15}}, {}}, prng{1}, start_ms};
  CAF_CHECK(core.start(start_ms).persist == (quorum_state{8, 1, key(1)}));
  core.appended(20, 21, 8, start_ms);
  const auto synced = core.flushed(21, start_ms);
  CAF_CHECK(synced.high_watermark == 21);
  // The file was lost, the log knows better.
  quorum forgetful{voters({1}, 1), {}, {0, 20, {{3, 0}, {7, 15}}, {}}, prng{1}, start_ms};
  CAF_CHECK_EQUAL(forgetful.start(start_ms).persist->leader_epoch, 8);
}

CAF_TEST(three voters elect by pre - vote and vote) {
  quorum core{voters({1, 2, 3}, 1), {}, {}, prng{1}, start_ms};
  core.start(start_ms);
  const auto later = core.next_deadline_ms();
  const auto asked = core.tick(later);
  CAF_CHECK(!asked.persist); // a pre-vote changes nothing
  CAF_CHECK_EQUAL(sent<vote_request>(asked).size(), 2u);
  CAF_CHECK(sent<vote_request>(asked)[0].pre_vote);
  const auto candidate = core.handle(2, vote_response{0, no_node, true, true}, later);
  CAF_CHECK(candidate.persist == (quorum_state{1, no_node, key(1)}));
  CAF_CHECK(!sent<vote_request>(candidate)[0].pre_vote);
  CAF_CHECK_EQUAL(core.current_role(), role::candidate);
  CAF_CHECK(core.handle(2, vote_response{0, no_node, true, true}, later).messages.empty()); // a pre-vote is no vote
  const auto leader = core.handle(3, vote_response{1, no_node, true, false}, later);
  CAF_CHECK(leader.became_leader);
  CAF_CHECK_EQUAL(sent<begin_epoch_request>(leader).size(), 2u);
  core.appended(0, 1, 1, later);
  CAF_CHECK(!core.flushed(1, later).high_watermark); // no majority yet
  core.handle(2, fetch_request{1, key(2), 0, -1, -1}, later);
  const auto committed = core.handle(2, fetch_request{1, key(2), 1, 1, -1}, later);
  CAF_CHECK(committed.high_watermark == 1);
  CAF_CHECK(committed.ready_to_serve);
}

CAF_TEST(one vote per epoch for a log that is new enough) {
  quorum core{voters({1, 2, 3}, 1), {4, no_node, {}}, {0, 10, {{4, 0}}, {}}, prng{1}, start_ms};
  core.start(start_ms);
  auto ask = [&](node_id from, std::int32_t epoch, log_position last, node_id to = 1) {
    return core.handle(from, vote_request{epoch, key(from), key(to), last, false}, start_ms);
  };
  CAF_CHECK(!sent<vote_response>(ask(2, 3, {4, 10}))[0].granted); // an older epoch
  CAF_CHECK(!sent<vote_response>(ask(2, 5, {4, 9}))[0].granted);  // a shorter log
  CAF_CHECK(!sent<vote_response>(ask(2, 5, {3, 99}))[0].granted); // an older last epoch
  CAF_CHECK(!sent<vote_response>(ask(2, 5, {4, 10}, 3))[0].granted); // meant for another
  const auto granted = ask(2, 5, {4, 10});
  CAF_CHECK(sent<vote_response>(granted)[0].granted);
  CAF_CHECK(granted.persist == (quorum_state{5, no_node, key(2)}));
  CAF_CHECK(!sent<vote_response>(ask(3, 5, {4, 10}))[0].granted);
  CAF_CHECK(sent<vote_response>(ask(2, 5, {4, 10}))[0].granted); // asked again
  // After a crash the vote is still given.
  quorum again{voters({1, 2, 3}, 1), *granted.persist, {0, 10, {{4, 0}}, {}}, prng{2}, start_ms};
  again.start(start_ms);
  CAF_CHECK(!sent<vote_response>(again.handle(3, vote_request{5, key(3), key(1), {4, 10}, false}, start_ms))[0].granted);
}

CAF_TEST(a follower that hears its leader grants no pre - vote) {
  quorum core{voters({1, 2, 3}, 1), {}, {}, prng{1}, start_ms};
  core.start(start_ms);
  core.handle(2, begin_epoch_request{1, 2, key(1)}, start_ms);
  const fetch_response heard{.leader_epoch = 1, .leader = 2, .accepted = true, .diverging = {}, .snapshot = {}};
  core.handle(2, heard, start_ms);
  auto pre_vote = [&](std::int64_t now_ms) {
    return sent<vote_response>(core.handle(3, vote_request{1, key(3), key(1), {-1, 0}, true}, now_ms))[0].granted;
  };
  CAF_CHECK(!pre_vote(start_ms + 10));
  CAF_CHECK_EQUAL(core.epoch(), 1);
  core.peer_unreachable(2, start_ms + 10);
  CAF_CHECK(pre_vote(start_ms + 10));
}

CAF_TEST(a late answer that diverges cuts nothing) {
  quorum core{voters({1, 2, 3}, 1), {3, no_node, {}}, {0, 10, {{1, 0}}, {}}, prng{1}, start_ms};
  core.start(start_ms);
  core.handle(2, begin_epoch_request{3, 2, key(1)}, start_ms);
  const fetch_response diverging{.leader_epoch = 3,
                                 .leader = 2,
                                 .accepted = true,
                                 .diverging = log_position{1, 7},
                                 .snapshot = {},
                                 .fetch_offset = 10,
                                 .last_fetched_epoch = 1};
  const auto cut = core.handle(2, diverging, start_ms);
  CAF_CHECK(cut.truncate_to == 7);
  core.truncated(7, start_ms);
  const fetch_response records{.leader_epoch = 3,
                               .leader = 2,
                               .accepted = true,
                               .high_watermark = 8,
                               .diverging = {},
                               .snapshot = {},
                               .fetch_offset = 7,
                               .last_fetched_epoch = 1,
                               .has_records = true};
  CAF_CHECK(core.handle(2, records, start_ms).high_watermark == 7);
  CAF_CHECK(core.wants_records());
  core.appended(7, 12, 3, start_ms);
  CAF_CHECK_EQUAL(sent<fetch_request>(core.flushed(12, start_ms)).at(0).fetch_offset, 12);
  CAF_CHECK(!core.handle(2, diverging, start_ms).truncate_to); // the copy that came late
  CAF_CHECK_EQUAL(core.log_end_offset(), 12);
  CAF_CHECK_EQUAL(core.check_invariants().value_or(""), "");
}

namespace {

constexpr log_position at_100{3, 100};

// Follows node 2, which has named a snapshot.
quorum receiving() {
  quorum core{voters({1, 2, 3}, 1), {3, no_node, {}}, {0, 10, {{1, 0}}, {}}, prng{1}, start_ms};
  core.start(start_ms);
  core.handle(2, begin_epoch_request{3, 2, key(1)}, start_ms);
  fetch_response gone;
  gone.leader_epoch = 3;
  gone.leader = 2;
  gone.accepted = true;
  gone.snapshot = at_100;
  gone.fetch_offset = 10;
  gone.last_fetched_epoch = 1;
  const auto begun = core.handle(2, gone, start_ms);
  CAF_CHECK(begun.receive_snapshot == at_100);
  const auto asked = sent<snapshot_request>(begun);
  CAF_REQUIRE_EQUAL(asked.size(), 1u);
  CAF_CHECK(asked[0].snapshot == at_100);
  CAF_CHECK_EQUAL(asked[0].position, 0);
  return core;
}

snapshot_response piece_at(std::int64_t position, std::int64_t size_bytes = 10) {
  snapshot_response piece;
  piece.leader_epoch = 3;
  piece.leader = 2;
  piece.accepted = true;
  piece.snapshot = at_100;
  piece.position = position;
  piece.size_bytes = size_bytes;
  return piece;
}

} // namespace

CAF_TEST(a snapshot comes piece by piece) {
  auto core = receiving();
  CAF_CHECK(core.handle(2, piece_at(0), start_ms).messages.empty());
  CAF_CHECK(core.wants_piece());
  core.handle(2, piece_at(0), start_ms);
  CAF_CHECK(!core.wants_piece()); // the copy that came while the first is written
  const auto next = core.snapshot_received(6, start_ms);
  CAF_CHECK_EQUAL(sent<snapshot_request>(next).at(0).position, 6);
  core.handle(2, piece_at(0), start_ms);
  CAF_CHECK(!core.wants_piece()); // the copy that came late
  core.handle(2, piece_at(6), start_ms);
  CAF_CHECK(core.wants_piece());
  const auto all = core.snapshot_received(10, start_ms);
  CAF_CHECK(all.load_snapshot == at_100);
  CAF_CHECK(all.messages.empty());
  CAF_CHECK_EQUAL(core.log_end_offset(), 10); // still as it was
  const auto loaded = core.snapshot_loaded(at_100, start_ms);
  CAF_CHECK(loaded.high_watermark == 100);
  CAF_CHECK_EQUAL(sent<election::fetch_request>(loaded).at(0).fetch_offset, 100);
  CAF_CHECK_EQUAL(sent<election::fetch_request>(loaded).at(0).last_fetched_epoch, 3);
  CAF_CHECK_EQUAL(core.check_invariants().value_or(""), "");
}

CAF_TEST(a piece that does not come is asked for again) {
  auto core = receiving();
  CAF_CHECK(sent<snapshot_request>(core.tick(start_ms + 999)).empty());
  CAF_CHECK_EQUAL(sent<snapshot_request>(core.tick(start_ms + 1'000)).size(), 1u);
  core.handle(2, piece_at(0), start_ms + 1'100);
  CAF_CHECK(sent<snapshot_request>(core.tick(start_ms + 2'500)).empty()); // it is being written
}

CAF_TEST(a snapshot ends with the leader that sends it) {
  auto core = receiving();
  core.handle(2, piece_at(0), start_ms);
  const auto other = core.handle(3, begin_epoch_request{4, 3, key(1)}, start_ms);
  CAF_CHECK_EQUAL(sent<election::fetch_request>(other).at(0).fetch_offset, 10);
  const auto late = core.snapshot_received(6, start_ms);
  CAF_CHECK(late.messages.empty() && !late.load_snapshot);
  CAF_CHECK_EQUAL(core.check_invariants().value_or(""), "");
  // Nor is a silent leader waited for: this log is whole, and may be the best there is.
  auto forsaken = receiving();
  const auto asks = forsaken.tick(start_ms + 2'000);
  CAF_CHECK_EQUAL(sent<vote_request>(asks).size(), 2u);
  CAF_CHECK_EQUAL(sent<snapshot_request>(asks).size(), 0u);
}

CAF_TEST(a snapshot that is gone or of no use is begun anew) {
  auto core = receiving();
  const auto gone = core.handle(2, piece_at(0, -1), start_ms);
  CAF_CHECK(!core.wants_piece());
  CAF_CHECK_EQUAL(sent<election::fetch_request>(gone).size(), 1u);
  auto damaged = receiving();
  damaged.handle(2, piece_at(0), start_ms);
  damaged.snapshot_received(10, start_ms);
  CAF_CHECK(damaged.snapshot_failed(start_ms).messages.empty());
  CAF_CHECK_EQUAL(sent<election::fetch_request>(damaged.tick(start_ms + 1'000)).size(), 1u);
  CAF_CHECK_EQUAL(damaged.log_end_offset(), 10);
}

CAF_TEST(a voter that receives a snapshot is in contact with its leader) {
  quorum core{voters({1, 2, 3}, 1), {}, {}, prng{1}, start_ms};
  core.start(start_ms);
  const auto later = core.next_deadline_ms();
  core.tick(later);
  core.handle(2, vote_response{0, no_node, true, true}, later);
  core.handle(2, vote_response{1, no_node, true, false}, later);
  for (std::int64_t passed = 0; passed < 10'000; passed += 500) {
    const auto answer = core.handle(2, snapshot_request{1, key(2), {1, 5}, passed}, later + passed);
    const auto said = sent<snapshot_response>(answer);
    CAF_REQUIRE_EQUAL(said.size(), 1u);
    CAF_CHECK(said[0].accepted);
    CAF_CHECK_EQUAL(said[0].position, passed);
    CAF_CHECK(!core.tick(later + passed).lost_leadership);
  }
  CAF_CHECK_EQUAL(core.high_watermark(), -1); // contact alone commits nothing
}

CAF_TEST(a log that does not go on from its snapshot) {
  const auto goes_on = [](log_summary log) {
    log.snapshot = log_position{3, 50};
    return continues_snapshot(log);
  };
  CAF_CHECK(continues_snapshot({0, 10, {{1, 0}}, {}}));
  CAF_CHECK(goes_on({50, 50, {}, {}}));
  CAF_CHECK(goes_on({50, 60, {{4, 50}}, {}}));
  CAF_CHECK(goes_on({0, 50, {{1, 0}, {3, 20}}, {}}));
  CAF_CHECK(goes_on({20, 60, {{3, 20}, {4, 50}}, {}}));
  CAF_CHECK(!goes_on({0, 49, {{1, 0}, {3, 20}}, {}})); // ends below
  CAF_CHECK(!goes_on({0, 60, {{1, 0}, {2, 20}}, {}})); // what was never committed
  CAF_CHECK(!goes_on({0, 60, {{1, 0}, {3, 20}, {4, 49}}, {}}));
  CAF_CHECK(!goes_on({0, 0, {}, {}}));
}

CAF_TEST(a voter on another disk does not count) {
  quorum core{voters({1, 2, 3}, 1), {}, {}, prng{1}, start_ms};
  core.start(start_ms);
  const auto later = core.next_deadline_ms();
  core.tick(later);
  core.handle(2, vote_response{0, no_node, true, true}, later);
  core.handle(2, vote_response{1, no_node, true, false}, later);
  core.appended(0, 1, 1, later);
  core.flushed(1, later);
  CAF_CHECK(!core.handle(2, fetch_request{1, {2, uuid{{99}}}, 1, 1, -1}, later).high_watermark);
  CAF_CHECK(core.handle(2, fetch_request{1, key(2), 1, 1, -1}, later).high_watermark == 1);
  // It is shown as an observer for five minutes.
  const auto observers = core.observers(later + 300'000);
  CAF_REQUIRE_EQUAL(observers.size(), 1u);
  CAF_CHECK((observers[0].replica == replica_key{2, uuid{{99}}}));
  CAF_CHECK_EQUAL(observers[0].log_end_offset, 1);
  CAF_CHECK_EQUAL(observers[0].last_caught_up_ms, later);
  CAF_CHECK(core.observers(later + 300'001).empty());
}

CAF_TEST(a leader without a majority stops leading) {
  quorum core{voters({1, 2, 3}, 1), {}, {}, prng{1}, start_ms};
  core.start(start_ms);
  const auto later = core.next_deadline_ms();
  core.tick(later);
  core.handle(2, vote_response{0, no_node, true, true}, later);
  core.handle(2, vote_response{1, no_node, true, false}, later);
  CAF_CHECK_EQUAL(core.current_role(), role::leader);
  CAF_CHECK(!core.tick(later + 1'999).lost_leadership);
  const auto lost = core.tick(later + 2'000);
  CAF_CHECK(lost.lost_leadership);
  CAF_CHECK_EQUAL(core.current_role(), role::resigned);
  CAF_CHECK_EQUAL(sent<end_epoch_request>(lost).size(), 2u);
}

CAF_TEST(quorum state in the form of Kafka) {
  prng source{3};
  const quorum_state state{12, 1, {3, uuid::random(source)}};
  CAF_CHECK(parse_quorum_state(to_json(state)) == state);
  // As Kafka 4.3.1 left it, version 0.
  const auto old = parse_quorum_state(
      R"({"clusterId":"","leaderId":1,"leaderEpoch":2,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0})");
  CAF_CHECK(old == (quorum_state{2, 1, {}}));
  for (const auto* text : {"", "{}", "{\"leaderId\":1", R"({"leaderId":1,"leaderEpoch":2,"votedId":-1,"data_version":2})",
                           R"({"leaderId":1,"leaderEpoch":x,"votedId":-1,"data_version":0})",
                           R"({"leaderId":1,"leaderEpoch":2,"votedId":-1,"votedDirectoryId":"?","data_version":1})"})
    CAF_CHECK_EQUAL(parse_quorum_state(text).error().code, errc::bad_format);
}
