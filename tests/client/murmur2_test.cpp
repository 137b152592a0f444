#define CAF_SUITE murmur2
#include "client/producer.hpp"

#include <caf/test/dsl.hpp>

using namespace cafka::client;

CAF_TEST(the hash is that of the Java client) {
  // what org.apache.kafka.common.utils.Utils.murmur2 answers
  CAF_CHECK_EQUAL(murmur2("21"), -973932308);
  CAF_CHECK_EQUAL(murmur2("foobar"), -790332482);
  CAF_CHECK_EQUAL(murmur2("a-little-bit-long-string"), -985981536);
  CAF_CHECK_EQUAL(murmur2("a-little-bit-longer-string"), -1486304829);
  CAF_CHECK_EQUAL(murmur2("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971);
  CAF_CHECK_EQUAL(murmur2("abc"), 479470107);
}

CAF_TEST(a partition is within its bounds for any key) {
  CAF_CHECK_EQUAL(partition_for_key("21", 7), (-973932308 & 0x7fffffff) % 7);
  std::string key;
  for (int i = 0; i < 1000; ++i) {
    key.push_back(static_cast<char>(i * 31));
    auto partition = partition_for_key(key, 5);
    CAF_REQUIRE(partition >= 0 && partition < 5);
  }
}
