#define CAF_SUITE memory_file_system
#include "support/faulting_file_system.hpp"
#include "support/memory_file_system.hpp"

#include <caf/test/unit_test.hpp>
#include <rapidcheck.h>
#include <set>

using namespace cafka;
using namespace cafka::storage;
using test::crash_model;
using test::memory_file_system;

namespace {
void append_text(file& target, std::string_view text) {
  const auto bytes = as_byte_span(text);
  CAF_REQUIRE(target.append({&bytes, 1}).has_value());
}

std::string text_of(file_system& files, const std::string& path) {
  auto text = files.read_text(path);
  return text ? *text : text.error().to_string();
}

constexpr crash_model models[] = {crash_model::ordered, crash_model::reordered};
} // namespace

CAF_TEST(it behaves like a file system while the power is on) {
  memory_file_system files;
  CAF_CHECK(files.create_directories("/d/e").has_value());
  auto a = files.open("/d/e/a", open_mode::create_new).value();
  append_text(*a, "hello");
  CAF_CHECK(a->truncate(4).has_value());
  append_text(*a, "!");
  CAF_CHECK_EQUAL(text_of(files, "/d/e/a"), "hell!");
  CAF_CHECK(files.open("/d/e/a", open_mode::create_new).error().code == errc::bad_format);
  CAF_CHECK(files.open("/d/e/b", open_mode::append).error().code == errc::not_found);
  CAF_CHECK(files.open("/x/b", open_mode::create).error().code == errc::not_found);
  CAF_CHECK(files.rename("/d/e", "/d/f").has_value());
  CAF_CHECK_EQUAL(text_of(files, "/d/f/a"), "hell!");
  CAF_CHECK_EQUAL(files.list("/d").value().size(), 1u);
  CAF_CHECK(files.remove("/d/f/a").has_value());
  CAF_CHECK_EQUAL(a->size().value(), 5u); // an open file outlives its name
  CAF_CHECK(files.remove_all("/d").has_value());
  CAF_CHECK(!files.exists("/d").value());
  CAF_CHECK(files.replace_text("/t", "text").has_value());
  CAF_CHECK_EQUAL(text_of(files, "/t"), "text");
  auto held = files.lock("/l");
  CAF_CHECK(held.has_value());
  CAF_CHECK(files.lock("/l").error().code == errc::already_locked);
}

CAF_TEST(a full disk takes what fits) {
  memory_file_system files;
  files.set_capacity(8);
  auto a = files.open("/a", open_mode::create).value();
  append_text(*a, "12345");
  const auto more = as_byte_span("67890");
  CAF_CHECK(a->append({&more, 1}).error().code == errc::no_space);
  CAF_CHECK_EQUAL(text_of(files, "/a"), "12345678");
  CAF_CHECK(a->truncate(5).has_value());
  CAF_CHECK_EQUAL(files.available_bytes("/").value(), 3u);
}

CAF_TEST(what was synced survives every crash) {
  CAF_CHECK(rc::check("synced bytes and entries survive", [] {
    prng chance{*rc::gen::arbitrary<std::uint64_t>()};
    memory_file_system files{models[chance.below(2)]};
    RC_ASSERT(files.create_directories("/d").has_value());
    RC_ASSERT(files.sync_directory("/").has_value());
    auto a = files.open("/d/a", open_mode::create).value();
    std::string synced, all;
    bool named = false;
    for (auto steps = chance.below(30); steps > 0; --steps) {
      switch (chance.below(4)) {
      case 0: {
        std::string text(chance.below(2000), static_cast<char>('a' + steps % 26));
        append_text(*a, text);
        all += text;
        break;
      }
      case 1:
        RC_ASSERT(a->sync().has_value());
        synced = all;
        break;
      case 2:
        RC_ASSERT(files.sync_directory("/d").has_value());
        named = true;
        break;
      default:
        if (all.size() > synced.size()) { // cut only what was not synced
          all.resize(synced.size() + chance.below(all.size() - synced.size()));
          RC_ASSERT(a->truncate(all.size()).has_value());
        }
      }
    }
    files.crash(chance);
    RC_ASSERT(a->size().error().code == errc::io_error);
    const auto after = files.read_text("/d/a");
    if (named)
      RC_ASSERT(after.has_value());
    if (after)
      RC_ASSERT(after->starts_with(synced) || !named);
    if (after && named)
      RC_ASSERT(after->size() >= synced.size());
  }));
}

CAF_TEST(a crash shows every outcome that it may) {
  for (auto model : models) {
    memory_file_system files{model};
    CAF_CHECK(files.replace_text("/old", "old").has_value());
    auto a = files.open("/a", open_mode::create).value();
    CAF_CHECK(files.sync_directory("/").has_value());
    append_text(*a, std::string(2000, 'x'));
    CAF_CHECK(files.rename("/old", "/new").has_value());
    std::set<std::size_t> sizes;
    std::set<std::string> names;
    bool torn = false;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      prng chance{seed};
      auto after = files.crashed_copy(chance);
      const auto bytes = after->content("/a");
      CAF_REQUIRE(bytes.has_value());
      sizes.insert(bytes->size());
      for (auto byte : *bytes)
        torn = torn || byte != std::byte{'x'};
      names.insert(after->content("/old") ? "old" : after->content("/new") ? "new" : "neither");
    }
    CAF_CHECK(sizes.size() > 50);
    CAF_CHECK(sizes.contains(0) && sizes.contains(512) && sizes.contains(2000));
    CAF_CHECK_EQUAL(torn, model == crash_model::reordered);
    CAF_CHECK(names == (std::set<std::string>{"old", "new"}));
  }
}

CAF_TEST(only the reordered model loses the name of a synced file) {
  for (auto model : models) {
    memory_file_system files{model};
    auto a = files.open("/a", open_mode::create).value();
    append_text(*a, "a");
    CAF_CHECK(a->sync().has_value());
    bool lost = false;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      prng chance{seed};
      lost = lost || !files.crashed_copy(chance)->content("/a");
    }
    CAF_CHECK_EQUAL(lost, model == crash_model::reordered);
  }
}

CAF_TEST(replace_text is old or new at every moment of power loss) {
  for (auto model : models) {
    for (std::uint64_t number = 1;; ++number) {
      memory_file_system disk{model};
      CAF_REQUIRE(disk.replace_text("/t", std::string(1500, 'o')).has_value());
      test::faulting_file_system files{disk, test::power_off_at(number)};
      const auto done = files.replace_text("/t", std::string(3000, 'n')).has_value();
      for (std::uint64_t seed = 0; seed < 50; ++seed) {
        prng chance{seed};
        const auto text = text_of(*disk.crashed_copy(chance), "/t");
        CAF_REQUIRE(text == std::string(3000, 'n') || (!done && text == std::string(1500, 'o')));
      }
      if (done)
        break;
      CAF_REQUIRE(number < 20);
    }
  }
}

CAF_TEST(faults are planted where the plan says) {
  memory_file_system disk;
  test::faulting_file_system files{disk, test::fail_at(2, test::fault::short_write)};
  auto a = files.open("/a", open_mode::create).value();
  const auto text = as_byte_span("12345678");
  CAF_CHECK(a->append({&text, 1}).error().code == errc::io_error);
  CAF_CHECK_EQUAL(text_of(disk, "/a"), "1234");
  CAF_CHECK(a->append({&text, 1}).has_value());
  CAF_CHECK_EQUAL(files.operation_count(), 3u);
  files.set_plan(test::power_off_at(4));
  CAF_CHECK(a->sync().error().code == errc::io_error);
  CAF_CHECK(!files.powered());
  CAF_CHECK(!files.read_text("/a").has_value());
  CAF_CHECK(!files.exists("/a").has_value());
}

CAF_TEST(copy keeps everything) {
  memory_file_system files;
  CAF_CHECK(files.create_directories("/d").has_value());
  auto a = files.open("/d/a", open_mode::create).value();
  append_text(*a, "unsynced");
  auto twin = files.copy();
  CAF_CHECK_EQUAL(text_of(*twin, "/d/a"), "unsynced");
  const auto raw = as_byte_span("raw");
  twin->write("/e/f", raw);
  twin->flip("/e/f", 1, std::byte{1});
  CAF_CHECK_EQUAL(text_of(*twin, "/e/f"), "r`w");
  CAF_CHECK(!files.exists("/e").value());
}
