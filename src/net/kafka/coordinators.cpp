// FindCoordinator and InitProducerId: where groups and producers get their state from.
#include "net/kafka/handlers.hpp"
#include "net/kafka/shared.hpp"

namespace cafka::net::kafka {

namespace {

// Groups have no coordinator yet, which clients take as "ask again". Of what there is no coordinator for at all they have to be told in a way
// that makes them stop: a transactional producer would ask for ever.
error no_coordinator(std::int8_t key_type) {
  constexpr std::int8_t group = 0, transaction = 1;
  if (key_type == group)
    return {errc::coordinator_not_available, "groups are not served yet"};
  return {errc::unsupported_version, key_type == transaction ? "transactions are not served" : "there are no coordinators of this type"};
}

} // namespace

void answer(kafka_session& session, const find_coordinator_request& request, const call& to) {
  const auto why = no_coordinator(request.key_type);
  find_coordinator_response response;
  response.node_id = no_node;
  response.port = -1;
  set_error(response, why);
  for (const auto key : request.coordinator_keys) {
    auto& row = response.coordinators.emplace_back();
    row.key = key;
    row.node_id = no_node;
    row.port = -1;
    set_error(row, why);
  }
  session.reply(to, response);
}

void answer(kafka_session& session, const init_producer_id_request& request, const call& to) {
  if (request.transactional_id) {
    init_producer_id_response response;
    response.error_code = error_code_of(request.transactional_id->empty() ? errc::invalid_request : errc::unsupported_version);
    response.producer_epoch = -1;
    return session.reply(to, response);
  }
  session.node().init_producer_id(session.when_done<producer_id_and_epoch>([&session, to](const result<producer_id_and_epoch>& given) {
    init_producer_id_response response;
    response.error_code = error_code_of(given ? errc::none : given.error().code);
    const auto id = given.value_or(producer_id_and_epoch{});
    response.producer_id = id.producer_id;
    response.producer_epoch = id.producer_epoch;
    session.reply(to, response);
  }));
}

} // namespace cafka::net::kafka
