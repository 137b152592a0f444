import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
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
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
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
                    case "pour" -> pour(request, answer);
                    case "drain" -> drain(request, answer);
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

    static void pour(JsonNode request, ObjectNode answer) throws Exception {
        String topic = request.get("topic").asText(), name = request.get("name").asText();
        var settings = settings("enable.idempotence", "true", "linger.ms", "5", "max.block.ms", "300000", "delivery.timeout.ms", "300000");
        var acked = new AtomicInteger();
        var failed = new AtomicReference<Exception>();
        try (var acks = new PrintStream(new BufferedOutputStream(new FileOutputStream(request.get("to").asText())));
             var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int i = 0; i < request.get("count").asInt(); ++i) {
                int number = i;
                byte[] key = (name + "-" + number % 1000).getBytes(StandardCharsets.UTF_8);
                byte[] value = (name + " " + number + " " + "값".repeat(number % 60)).getBytes(StandardCharsets.UTF_8);
                producer.send(new ProducerRecord<byte[], byte[]>(topic, key, value), (told, error) -> {
                    if (error != null) {
                        failed.compareAndSet(null, error);
                    } else {
                        acked.incrementAndGet();
                        acks.print(told.partition() + " " + told.offset() + " " + number + "\n");
                    }
                });
            }
            producer.flush();
        }
        if (failed.get() != null) throw failed.get();
        answer.put("acked", acked.get());
    }

    static void drain(JsonNode request, ObjectNode answer) throws Exception {
        int left = request.get("count").asInt();
        try (var out = new PrintStream(new BufferedOutputStream(new FileOutputStream(request.get("to").asText())));
             var consumer = new KafkaConsumer<>(settings("enable.auto.commit", "false", "auto.offset.reset", "none"), new ByteArrayDeserializer(),
                                                new ByteArrayDeserializer())) {
            var all = new ArrayList<TopicPartition>();
            for (int i = 0; i < request.get("partitions").asInt(); ++i) all.add(new TopicPartition(request.get("topic").asText(), i));
            consumer.assign(all);
            for (var one : all) consumer.seek(one, 0);
            while (left > 0) {
                for (ConsumerRecord<byte[], byte[]> one : consumer.poll(Duration.ofMillis(1000))) {
                    --left;
                    String[] words = new String(one.value(), StandardCharsets.UTF_8).split(" ", 3);
                    out.print(one.partition() + " " + one.offset() + " " + words[0] + " " + words[1] + "\n");
                }
            }
        }
        answer.put("consumed", request.get("count").asInt() - left);
    }
}
