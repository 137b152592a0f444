import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Apache Kafka's own client. Requests and answers: README.md beside this file. */
public class JavaClient {
    static final ObjectMapper JSON = new ObjectMapper();
    static String address;

    public static void main(String[] arguments) throws Exception {
        address = arguments[0];
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            JsonNode request = JSON.readTree(line);
            ObjectNode answer = JSON.createObjectNode();
            try {
                switch (request.get("do").asText()) {
                    case "create" -> create(request, answer);
                    case "delete" -> delete(request);
                    case "produce" -> produce(request, answer);
                    case "consume" -> consume(request, answer);
                    default -> throw new IllegalArgumentException("unknown request");
                }
            } catch (Exception e) {
                answer.put("error", e + (e.getCause() == null ? "" : ", since " + e.getCause()));
            }
            System.out.write(JSON.writeValueAsBytes(answer));
            System.out.write('\n');
            System.out.flush();
        }
    }

    static Properties settings(String... pairs) {
        var made = new Properties();
        made.put("bootstrap.servers", address);
        made.put("default.api.timeout.ms", "30000");
        for (int i = 0; i < pairs.length; i += 2) made.put(pairs[i], pairs[i + 1]);
        return made;
    }

    static byte[] bytes(JsonNode base64) {
        return base64 == null || base64.isNull() ? null : Base64.getDecoder().decode(base64.asText());
    }

    static String base64(byte[] bytes) {
        return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
    }

    static void create(JsonNode request, ObjectNode answer) throws Exception {
        String topic = request.get("topic").asText();
        try (var admin = Admin.create(settings())) {
            admin.createTopics(List.of(new NewTopic(topic, Optional.of(request.get("partitions").asInt()), Optional.empty()))).all().get();
            answer.put("partitions", admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size());
        }
    }

    static void delete(JsonNode request) throws Exception {
        try (var admin = Admin.create(settings())) {
            admin.deleteTopics(List.of(request.get("topic").asText())).all().get();
        }
    }

    static void produce(JsonNode request, ObjectNode answer) throws Exception {
        String topic = request.get("topic").asText();
        var sent = new ArrayList<Future<RecordMetadata>>();
        var settings = settings("compression.type", request.get("codec").asText(), "enable.idempotence", request.get("idempotent").asText(),
                                "linger.ms", "20", "max.block.ms", "30000", "delivery.timeout.ms", "60000");
        try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (JsonNode one : request.get("records")) {
                Integer partition = one.get("partition").isNull() ? null : one.get("partition").asInt();
                var record = new ProducerRecord<byte[], byte[]>(topic, partition, one.get("timestamp").asLong(), bytes(one.get("key")), bytes(one.get("value")));
                for (JsonNode header : one.get("headers")) record.headers().add(header.get(0).asText(), bytes(header.get(1)));
                sent.add(producer.send(record));
            }
            producer.flush();
        }
        ArrayNode offsets = answer.putArray("offsets");
        for (var one : sent) offsets.addArray().add(one.get().partition()).add(one.get().offset());
    }

    static void consume(JsonNode request, ObjectNode answer) {
        String topic = request.get("topic").asText();
        JsonNode from = request.get("from");
        ArrayNode records = answer.putArray("records");
        try (var consumer = new KafkaConsumer<>(settings("enable.auto.commit", "false"), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            var all = new ArrayList<TopicPartition>();
            for (var info : consumer.partitionsFor(topic)) all.add(new TopicPartition(topic, info.partition()));
            consumer.assign(all);
            var ends = consumer.endOffsets(all);
            if (from.has("time")) {
                Map<TopicPartition, Long> times = new HashMap<>();
                for (var one : all) times.put(one, from.get("time").asLong());
                consumer.offsetsForTimes(times).forEach((one, found) -> consumer.seek(one, found == null ? ends.get(one) : found.offset()));
            } else if (from.has("offset")) {
                for (var one : all) consumer.seek(one, from.get("offset").asLong());
            } else {
                consumer.seekToBeginning(all);
            }
            long deadline = System.currentTimeMillis() + 60000;
            while (all.stream().anyMatch(one -> consumer.position(one) < ends.get(one))) {
                if (System.currentTimeMillis() > deadline) throw new IllegalStateException("not at the end after 60 s");
                for (ConsumerRecord<byte[], byte[]> one : consumer.poll(Duration.ofMillis(500))) {
                    ObjectNode record = records.addObject();
                    record.put("partition", one.partition()).put("offset", one.offset()).put("timestamp", one.timestamp());
                    record.put("key", base64(one.key())).put("value", base64(one.value()));
                    ArrayNode headers = record.putArray("headers");
                    for (Header header : one.headers()) headers.addArray().add(header.key()).add(base64(header.value()));
                }
            }
        }
    }
}
