#define CAF_SUITE snapshot_files
#include "actors/snapshot_files.hpp"
#include "metadata/image_builder.hpp"
#include "support/faulting_file_system.hpp"
#include "support/memory_file_system.hpp"

#include <caf/test/unit_test.hpp>

using namespace cafka;
using namespace cafka::actors;
using namespace cafka::test;

namespace {

constexpr election::log_position at_9000{4, 9'000};
const std::string path = "/meta/00000000000000009000-0000000004.checkpoint";

metadata::image_ptr image_of(int topics) {
  metadata::image_builder builder;
  prng random{9};
  std::int64_t offset = 0;
  for (int i = 0; i < topics; ++i) {
    metadata::topic_record topic{"topic-" + std::to_string(i), uuid::random(random), {}};
    metadata::partition_record partition;
    partition.partition_id = 0;
    partition.topic_id = topic.topic_id;
    partition.replicas = partition.isr = {1, 2, 3};
    partition.directories.resize(3);
    partition.leader = 1;
    partition.leader_epoch = partition.partition_epoch = 0;
    (void)builder.replay(offset++, 3, topic);
    (void)builder.replay(offset++, 3, partition);
  }
  return builder.build().next;
}

result<void> write(storage::file_system& files, const metadata::image& image) {
  CAFKA_TRY_ASSIGN(file, snapshot_file::create(files, "/meta", at_9000));
  CAFKA_TRY(write_image(file, image, 77, [] { return false; }));
  return file.keep();
}

bool same_topics(const metadata::image& a, const metadata::image& b) {
  return a.topics().size() == b.topics().size() && std::ranges::all_of(a.topics(), [&](const auto& each) {
           const auto* other = b.find_topic(each.first);
           return other && other->id == each.second->id && other->partitions == each.second->partitions;
         });
}

struct fixture {
  fixture() { (void)disk.create_directories("/meta"); }
  memory_file_system disk;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(snapshot_files_tests, fixture)

CAF_TEST(names as Kafka gives them) {
  CAF_CHECK_EQUAL("/meta/" + snapshot_name(at_9000), path);
  CAF_CHECK(parse_snapshot_name(snapshot_name(at_9000)) == at_9000);
  for (const auto* other : {"bootstrap.checkpoint", "00000000000000009000-0000000004.checkpoint.part", "00000000000000009000.log",
                            "0000000000000000900x-0000000004.checkpoint", "00000000000000009000-000000000x.checkpoint"})
    CAF_CHECK(!parse_snapshot_name(other));
}

CAF_TEST(what is written is read) {
  for (const int topics : {0, 1, 499, 500, 501, 5'000}) {
    const auto image = image_of(topics);
    CAF_REQUIRE(write(disk, *image));
    const auto read = read_snapshot(disk, path, at_9000);
    CAF_REQUIRE(read);
    CAF_CHECK(same_topics(*image, *read->image));
    CAF_CHECK_EQUAL(read->image->offset(), 8'999);
    CAF_CHECK_EQUAL(read->image->epoch(), 4);
    CAF_CHECK_EQUAL(read->last_timestamp_ms, 77);
    CAF_CHECK_EQUAL(read->size_bytes, disk.content(path)->size());
    CAF_CHECK_EQUAL(*read_snapshot_timestamp(disk, path), 77);
  }
}

CAF_TEST(no byte can change or be missing unseen) {
  CAF_REQUIRE(write(disk, *image_of(3)));
  const auto whole = *disk.content(path);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    disk.flip(path, i, std::byte{0x10});
    const auto read = read_snapshot(disk, path, at_9000);
    // The base offset and the leader epoch of a batch are outside its checksum, and say nothing here.
    if (read)
      CAF_CHECK(same_topics(*read->image, *image_of(3)));
    else
      CAF_CHECK_EQUAL(read.error().code, errc::bad_format);
    disk.flip(path, i, std::byte{0x10});
  }
  for (std::size_t size = 0; size < whole.size(); ++size) {
    disk.write(path, byte_span{whole}.first(size));
    const auto read = read_snapshot(disk, path, at_9000);
    CAF_REQUIRE(!read);
    CAF_CHECK_EQUAL(read.error().code, errc::bad_format);
  }
  auto longer = whole;
  longer.insert(longer.end(), whole.begin(), whole.end());
  disk.write(path, longer);
  CAF_CHECK_EQUAL(read_snapshot(disk, path, at_9000).error().code, errc::bad_format);
}

CAF_TEST(after a power cut at any operation it is there whole or not at all) {
  const auto image = image_of(700);
  std::uint64_t operations = 0;
  std::uint64_t kept = 0;
  for (std::uint64_t number = 0; number <= operations; ++number) {
    memory_file_system ground;
    CAF_REQUIRE(ground.create_directories("/meta"));
    CAF_REQUIRE(ground.sync_directory("/"));
    faulting_file_system faulty{
        ground, [number](const operation& what) { return number > 0 && what.number == number ? fault::power_off : fault::none; }};
    const auto written = write(faulty, *image);
    CAF_CHECK_EQUAL(static_cast<bool>(written), number == 0);
    operations = std::max(operations, faulty.operation_count());
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      prng chance{seed * 1'000 + number};
      const auto after = ground.crashed_copy(chance);
      if (!after->content(path)) {
        CAF_CHECK(number != 0);
        continue;
      }
      ++kept;
      const auto read = read_snapshot(*after, path, at_9000);
      CAF_REQUIRE(read);
      CAF_CHECK(same_topics(*image, *read->image));
    }
  }
  CAF_CHECK(operations >= 5);
  CAF_CHECK(kept >= 20);
}

CAF_TEST(it can be given up) {
  auto file = snapshot_file::create(disk, "/meta", at_9000);
  CAF_REQUIRE(file);
  int asked = 0;
  CAF_CHECK_EQUAL(write_image(*file, *image_of(5'000), 1, [&] { return ++asked > 2; }).error().code, errc::cancelled);
  CAF_CHECK_EQUAL(asked, 3);
  CAF_CHECK(!disk.content(path));
}

CAF_TEST_FIXTURE_SCOPE_END()
