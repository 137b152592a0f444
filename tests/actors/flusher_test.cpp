#define CAF_SUITE flusher
#include "actors/fixture.hpp"

#include <caf/typed_event_based_actor.hpp>

using namespace cafka;
using namespace cafka::actors;
using namespace cafka::actors::test;

namespace {

using outcomes = std::shared_ptr<std::vector<flush_outcome>>;

flush_listener::behavior_type listen(outcomes into) {
  return {[into](const flush_outcome& outcome) { into->push_back(outcome); }};
}

struct fixture : actors_fixture {
  fixture() {
    // The disk's own operations in order, so that a test sees what was synced before what was answered.
    files.set_plan([this](const operation& what) {
      if (what.kind == operation_kind::sync || what.kind == operation_kind::sync_directory)
        synced.push_back(what.path);
      return fault::none;
    });
  }
  ~fixture() {
    for (auto& each : listeners)
      caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
    sched.run();
  }
  flush_listener new_listener() {
    listeners.push_back(sys.spawn([into = told] { return listen(into); }));
    return listeners.back();
  }
  storage::flush_ticket ticket(const std::string& path, std::int64_t end_offset) {
    storage::flush_ticket made;
    made.end_offset = end_offset;
    made.dirty_files.push_back(pool.create(path).value());
    made.files = &files;
    return made;
  }
  result<void> order(directory_order what) {
    caf::anon_send(environment->flusher, std::move(what));
    sched.run();
    return {};
  }

  flusher_actor& aut = environment->flusher;
  outcomes told = std::make_shared<std::vector<flush_outcome>>();
  std::vector<flush_listener> listeners;
  std::vector<std::string> synced;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(flusher_tests, fixture)

CAF_TEST(tickets that gathered are synced in one turn and answered one by one) {
  const auto listener = new_listener();
  for (int i = 0; i < 3; ++i)
    caf::anon_send(aut, flush_request{ticket("/data/file-" + std::to_string(i), i + 10), listener});
  for (int i = 0; i < 3; ++i)
    CAF_CHECK(step(aut));
  CAF_CHECK(synced.empty()); // gathering
  CAF_CHECK(step(aut));
  CAF_CHECK_EQUAL(synced.size(), 3u);
  sched.run();
  CAF_REQUIRE_EQUAL(told->size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    CAF_CHECK((*told)[i].code == errc::none);
    CAF_CHECK_EQUAL((*told)[i].end_offset, static_cast<std::int64_t>(i + 10));
  }
}

CAF_TEST(the first failure is final and told once) {
  const auto listener = new_listener();
  break_syncs();
  caf::anon_send(aut, flush_request{ticket("/data/a", 1), listener});
  caf::anon_send(aut, flush_request{ticket("/data/b", 2), listener});
  sched.run();
  files.set_plan({});
  caf::anon_send(aut, flush_request{ticket("/data/c", 3), listener});
  sched.run();
  CAF_REQUIRE_EQUAL(told->size(), 3u);
  for (const auto& each : *told)
    CAF_CHECK(each.code == errc::log_dir_offline);
  CAF_CHECK_EQUAL(failed_syncs, 1);
  CAF_REQUIRE_EQUAL(failures.size(), 1u);
  CAF_CHECK_EQUAL(failures[0].path, "/data");
  auto marker = result<void>{};
  (void)order({write_clean_marker{1, topic_id_of(2), net::completion<void>{[&](result<void> r) { marker = std::move(r); }}}});
  CAF_CHECK(!marker);
  CAF_CHECK(!disk.content("/data/.kafka_cleanshutdown"));
}

CAF_TEST(checkpoints hold what is tracked and are not rewritten when nothing changed) {
  marks->recovery_point = 42;
  marks->log_start_offset = 7;
  (void)order({track_partition{{"topic", 3}, marks}});
  (void)order({write_checkpoints{true, true, true, {}}});
  const auto text = disk.content("/data/recovery-point-offset-checkpoint");
  CAF_REQUIRE(text.has_value());
  CAF_CHECK(as_text(*text).find("topic 3 42") != std::string_view::npos);
  synced.clear();
  (void)order({write_checkpoints{true, true, true, {}}});
  CAF_CHECK(synced.empty());
  marks->log_start_offset = 8;
  (void)order({write_checkpoints{true, true, true, {}}});
  CAF_CHECK(!synced.empty());
}

CAF_TEST(a full disk costs a checkpoint and not the directory) {
  (void)order({track_partition{{"topic", 0}, marks}});
  marks->recovery_point = 5;
  files.set_plan([](const operation& what) { return what.kind == operation_kind::append ? fault::no_space : fault::none; });
  (void)order({write_checkpoints{true, false, false, {}}});
  CAF_CHECK(failures.empty());
  files.set_plan({});
  auto saved = false;
  (void)order({write_checkpoints{true, false, false, net::completion<void>{[&](const result<void>& r) { saved = r.has_value(); }}}});
  CAF_CHECK(saved);
  CAF_CHECK(disk.content("/data/recovery-point-offset-checkpoint").has_value());
}

CAF_TEST(a retired partition is renamed at once and removed after its delay) {
  disk.write("/data/topic-0/00000000000000000000.log", as_byte_span("x"));
  auto done = false;
  (void)order({retire_partition{
      {"topic", 0}, topic_id_of(9), marks, 1000, net::completion<void>{[&](const result<void>& r) { done = r.has_value(); }}}});
  CAF_CHECK(done);
  const auto names = [&] {
    std::vector<std::string> found;
    const auto entries = disk.list("/data").value(); // named: a range-for does not keep the result it is taken from
    for (const auto& each : entries)
      if (each.is_directory)
        found.push_back(each.name);
    return found;
  };
  CAF_REQUIRE_EQUAL(names().size(), 1u);
  CAF_CHECK(names()[0].ends_with("-delete"));
  advance(999);
  CAF_CHECK_EQUAL(names().size(), 1u);
  advance(1);
  CAF_CHECK(names().empty());
}

CAF_TEST(the clean marker comes last) {
  marks->recovery_point = 9;
  (void)order({track_partition{{"topic", 0}, marks}});
  (void)order({write_clean_marker{77, topic_id_of(2), net::completion<void>{[](const result<void>&) {}}}});
  const auto marker = disk.content("/data/.kafka_cleanshutdown");
  CAF_REQUIRE(marker.has_value());
  CAF_CHECK(as_text(*marker).find("77") != std::string_view::npos);
  CAF_CHECK(disk.content("/data/recovery-point-offset-checkpoint").has_value());
}

CAF_TEST_FIXTURE_SCOPE_END()
