#define CAF_SUITE cluster
#include "client/admin.hpp"
#include "client/fake_server.hpp"
#include "client/internal/connection.hpp"

#include <boost/asio.hpp>
#include <caf/test/dsl.hpp>

using namespace cafka;
using namespace cafka::client;
using namespace std::chrono_literals;
using cafka::test::fate;
using cafka::test::verdict;

namespace {

cluster_config quick(std::string bootstrap) {
  cluster_config config;
  config.bootstrap_servers = std::move(bootstrap);
  config.retry_backoff = 1ms;
  config.retry_backoff_max = 5ms;
  config.request_timeout = 5s;
  return config;
}

} // namespace

CAF_TEST(addresses) {
  auto all = parse_addresses("a:1, [::1]:9092,10.0.0.1:65535");
  CAF_REQUIRE(all);
  CAF_CHECK(*all == std::vector<address>({{"a", "1"}, {"::1", "9092"}, {"10.0.0.1", "65535"}}));
  CAF_CHECK_EQUAL((*all)[1].to_string(), "[::1]:9092");
  for (const auto* wrong : {"", "a", "a:", ":1", "a:0", "a:65536", "a:x", "::1:9092", "[]:1", "a:1,", "a:1,,b:2"})
    CAF_CHECK_EQUAL(parse_addresses(wrong).error().code, errc::bad_argument);
}

CAF_TEST(backing off doubles within its jitter) {
  prng jitter{1};
  for (int i = 0; i < 100; ++i) {
    auto first = backoff_after(1, 100ms, 1s, jitter), third = backoff_after(3, 100ms, 1s, jitter),
         last = backoff_after(50, 100ms, 1s, jitter);
    CAF_CHECK(first >= 80ms && first <= 120ms);
    CAF_CHECK(third >= 320ms && third <= 480ms);
    CAF_CHECK(last >= 800ms && last <= 1200ms);
  }
}

CAF_TEST(a malformed address is the first answer) {
  cluster where{quick("nonsense")};
  auto answer = where.describe();
  CAF_CHECK_EQUAL(answer.error().code, errc::bad_argument);
  CAF_CHECK(answer.error().detail.find("nonsense") != std::string::npos);
}

CAF_TEST(nobody there is told in time) {
  test::fake_cluster server;
  auto bootstrap = server.bootstrap();
  server.stop(1);
  auto config = quick(bootstrap);
  config.request_timeout = 50ms;
  cluster where{config};
  auto answer = where.describe();
  CAF_CHECK_EQUAL(answer.error().code, errc::request_timed_out);
  CAF_CHECK(answer.error().detail.find("cannot connect to " + bootstrap) != std::string::npos);
}

CAF_TEST(the next address is tried) {
  test::fake_cluster server{2};
  auto both = server.bootstrap(1) + "," + server.bootstrap(2);
  server.stop(1);
  cluster where{quick(both)};
  auto answer = where.describe();
  CAF_REQUIRE(answer);
  CAF_CHECK_EQUAL(answer->brokers.size(), 2u);
  CAF_CHECK_EQUAL(answer->controller, 1);
}

CAF_TEST(garbage closes the connection and is asked again) {
  asio::io_context io;
  asio::ip::tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
  std::string garbage(64, '\x7f');
  int connections = 0;
  std::function<void()> accept = [&] {
    auto socket = std::make_shared<asio::ip::tcp::socket>(io);
    acceptor.async_accept(*socket, [&, socket](const boost::system::error_code& failure) {
      if (failure)
        return;
      ++connections;
      asio::async_write(*socket, asio::buffer(garbage), [socket](const boost::system::error_code&, std::size_t) {});
      accept();
    });
  };
  accept();
  auto config = quick("127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()));
  config.request_timeout = 100ms;
  cluster where{io.get_executor(), config};
  result<cluster_description> answer;
  where.async_describe([&](result<cluster_description> told) {
    answer = std::move(told);
    where.close();
    acceptor.close();
  });
  io.run();
  CAF_CHECK_EQUAL(answer.error().code, errc::request_timed_out);
  CAF_CHECK(answer.error().detail.find("sent a frame of") != std::string::npos);
  CAF_CHECK(connections > 1);
}

CAF_TEST(blocking on the clusters own thread is refused) {
  test::fake_cluster server;
  cluster where{quick(server.bootstrap())};
  std::promise<errc> told;
  where.async_describe([&](result<cluster_description>) { told.set_value(where.describe().error().code); });
  CAF_CHECK_EQUAL(told.get_future().get(), errc::invalid_request);
}

CAF_TEST(changes wait for the controller) {
  test::fake_cluster server{2};
  cluster where{quick(server.bootstrap(2))};
  admin to{where};
  std::atomic<int> refusals = 2;
  std::atomic<bool> elsewhere = false;
  server.on_request([&](node_id node, const native::RequestHeader& request) -> verdict {
    if (!request.has_create_topics())
      return {};
    elsewhere = elsewhere || node != 1;
    return --refusals >= 0 ? verdict{fate::refuse, errc::not_controller} : verdict{};
  });
  auto created = to.create_topics({{.name = "new", .partition_count = 3}});
  CAF_REQUIRE(created);
  CAF_REQUIRE_EQUAL(created->size(), 1u);
  CAF_CHECK((*created)[0].outcome);
  CAF_CHECK(!elsewhere);
  CAF_CHECK_EQUAL((*to.create_topics({{.name = "new", .partition_count = 3}}))[0].outcome.error().code, errc::topic_already_exists);
  auto listed = to.list_topics();
  CAF_REQUIRE(listed);
  CAF_CHECK_EQUAL(listed->at(0).partitions.size(), 3u);
}

CAF_TEST(a change that may have been made is not made twice) {
  test::fake_cluster server;
  cluster where{quick(server.bootstrap())};
  admin to{where};
  server.on_request([](node_id, const native::RequestHeader& request) -> verdict {
    return request.has_create_topics() ? verdict{fate::forget} : verdict{};
  });
  auto created = to.create_topics({{.name = "new", .partition_count = 1}});
  CAF_CHECK_EQUAL(created.error().code, errc::connection_closed);
  CAF_CHECK(created.error().detail.find("unknown") != std::string::npos);
}

CAF_TEST(offsets come from each leader) {
  test::fake_cluster server{2};
  server.add_topic("t", 2);
  server.set_leader({"t", 1}, 2);
  cluster where{quick(server.bootstrap())};
  admin to{where};
  auto told = to.list_offsets({{{"t", 0}, offset_query::latest}, {{"t", 1}, offset_query::earliest}, {{"t", 2}, 5}, {{"u", 0}, 5}});
  CAF_REQUIRE(told);
  CAF_CHECK_EQUAL(told->at(0).offset->offset, 0);
  CAF_CHECK_EQUAL(told->at(1).offset->offset, 0);
  CAF_CHECK_EQUAL(told->at(2).offset.error().code, errc::unknown_topic_or_partition);
  CAF_CHECK_EQUAL(told->at(3).offset.error().code, errc::unknown_topic_or_partition);
}

CAF_TEST(each node says what it runs and one that is down fails alone) {
  test::fake_cluster server{3};
  cluster where{quick(server.bootstrap())};
  admin to{where};
  server.stop(2);
  auto nodes = to.describe_nodes();
  CAF_REQUIRE(nodes);
  CAF_REQUIRE_EQUAL(nodes->size(), 3u);
  CAF_CHECK_EQUAL(nodes->at(0).node.id, 1);
  CAF_CHECK_EQUAL(nodes->at(0).software->name, "fake 1");
  CAF_CHECK_EQUAL(nodes->at(0).software->native_version, 1u);
  CAF_CHECK_EQUAL(nodes->at(1).software.error().code, errc::broker_not_available);
  CAF_CHECK(nodes->at(1).software.error().detail.find("cannot connect to 127.0.0.1:") != std::string::npos);
  CAF_CHECK_EQUAL(nodes->at(2).software->name, "fake 3");
}

CAF_TEST(each node says which APIs it serves) {
  test::fake_cluster server{3};
  cluster where{quick(server.bootstrap())};
  admin to{where};
  server.on_request([](node_id node, const native::RequestHeader& request) -> verdict {
    return request.has_describe_apis() && node == 3 ? verdict{fate::refuse, errc::unsupported_version} : verdict{};
  });
  auto all = to.describe_apis();
  CAF_REQUIRE(all);
  CAF_REQUIRE_EQUAL(all->size(), 3u);
  const api_list expected{{{1, "Fetch", 4, 2}}, {{"metadata.version", 7}}, 42};
  CAF_CHECK(all->at(1).served->apis == expected.apis);
  CAF_CHECK(all->at(1).served->features == expected.features);
  CAF_CHECK_EQUAL(all->at(1).served->features_epoch, expected.features_epoch);
  CAF_CHECK_EQUAL(all->at(2).served.error().code, errc::unsupported_version);

  auto some = to.describe_apis({9, 2, 2});
  CAF_REQUIRE(some);
  CAF_REQUIRE_EQUAL(some->size(), 2u);
  CAF_CHECK(some->at(0).served);
  CAF_CHECK_EQUAL(some->at(1).node.id, 9);
  CAF_CHECK_EQUAL(some->at(1).served.error().code, errc::broker_id_not_registered);
  CAF_CHECK(some->at(1).served.error().detail.find("it has 1, 2, 3") != std::string::npos);
}

CAF_TEST(a node that does not answer does not hold up the others) {
  test::fake_cluster server{2};
  auto config = quick(server.bootstrap());
  config.request_timeout = 200ms;
  cluster where{config};
  server.on_request([](node_id node, const native::RequestHeader& request) -> verdict {
    return request.has_describe_apis() && node == 1 ? verdict{fate::ignore} : verdict{};
  });
  auto all = admin{where}.describe_apis();
  CAF_REQUIRE(all);
  CAF_CHECK_EQUAL(all->at(0).served.error().code, errc::request_timed_out);
  CAF_CHECK(all->at(1).served);
}
