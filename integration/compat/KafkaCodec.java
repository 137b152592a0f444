// Kafka's own codec of its protocol as a filter, beside ours (tests/tools/kafka_codec.cpp). Messages are named as in Kafka's definitions.
//
//   KafkaCodec generate COUNT SEED NAME:LOWEST:HIGHEST…   COUNT random messages of each version: lines of "name version hex json"
//   KafkaCodec reread                                     reads lines of "name version hex …"; prints each with what it is written again
//   KafkaCodec versions                                   each API: "key name", then "version:request header:response header" of each version
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.Struct;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.MemoryRecords;

public final class KafkaCodec {
    private static final int[] CHARACTERS = {'a', 'Z', '_', '-', '.', '0', '"', '\\', '\n', 1, 0x7f, 0xe9, 0xd55c, 0x1f642};

    private final String name;
    private final Class<?> type;
    private final Method toJson;
    private final Random random;

    private KafkaCodec(String name, long seed) throws Exception {
        this.name = name;
        type = Class.forName("org.apache.kafka.common.message." + name + "Data");
        toJson = Class.forName("org.apache.kafka.common.message." + name + "DataJsonConverter").getMethod("write", type, short.class, boolean.class);
        random = new Random(seed);
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(new java.io.BufferedOutputStream(System.out, 1 << 16), false, StandardCharsets.UTF_8);
        switch (arguments[0]) {
            case "generate" -> {
                for (int i = 3; i < arguments.length; i++) {
                    String[] words = arguments[i].split(":");
                    new KafkaCodec(words[0], Long.parseLong(arguments[2]))
                        .generate(Integer.parseInt(arguments[1]), Short.parseShort(words[1]), Short.parseShort(words[2]), out);
                }
            }
            case "reread" -> reread(out);
            default -> printVersions(out);
        }
        out.flush();
    }

    private void generate(int count, short lowest, short highest, PrintStream out) throws Exception {
        Schema[] schemas = (Schema[]) type.getField("SCHEMAS").get(null);
        for (short version = lowest; version <= highest; version++)
            for (int i = 0; i < count; i++) {
                Struct struct = struct(schemas[version]);
                ByteBuffer bytes = ByteBuffer.allocate(struct.sizeOf());
                struct.writeTo(bytes);
                bytes.flip();
                print(bytes, version, out);
            }
    }

    private static void reread(PrintStream out) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Map<String, KafkaCodec> codecs = new HashMap<>();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ", 4);
            if (!codecs.containsKey(words[0]))
                codecs.put(words[0], new KafkaCodec(words[0], 0));
            byte[] bytes = words[2].equals("-") ? new byte[0] : HexFormat.of().parseHex(words[2]);
            codecs.get(words[0]).print(ByteBuffer.wrap(bytes), Short.parseShort(words[1]), out);
        }
    }

    // What Kafka's generated class makes of the bytes: a tagged field at its default, for one, is gone when it writes.
    private void print(ByteBuffer bytes, short version, PrintStream out) throws Exception {
        ApiMessage message = (ApiMessage) type.getDeclaredConstructor().newInstance();
        message.read(new ByteBufferAccessor(bytes), version);
        if (bytes.hasRemaining())
            throw new IllegalStateException(name + " version " + version + " leaves " + bytes.remaining() + " bytes unread");
        ByteBuffer again = MessageUtil.toByteBufferAccessor(message, version).buffer();
        byte[] written = new byte[again.remaining()];
        again.get(written);
        String hex = written.length == 0 ? "-" : HexFormat.of().formatHex(written);
        out.println(name + " " + version + " " + hex + " " + toJson.invoke(null, message, version, false));
    }

    private Struct struct(Schema schema) {
        Struct made = new Struct(schema);
        for (BoundField field : schema.fields())
            made.set(field, value(field.def.type));
        return made;
    }

    private Object value(Type of) {
        if (of.isNullable() && random.nextInt(4) == 0)
            return null;
        if (of instanceof TaggedFields tagged) {
            NavigableMap<Integer, Object> values = new TreeMap<>();
            for (var field : tagged.fields().entrySet())
                if (random.nextBoolean())
                    values.put(field.getKey(), value(((Field) field.getValue()).type));
            return values;
        }
        if (of instanceof Schema schema)
            return struct(schema);
        if (of.arrayElementType().isPresent()) {
            Object[] elements = new Object[random.nextInt(4)];
            for (int i = 0; i < elements.length; i++)
                elements[i] = value(of.arrayElementType().get());
            return elements;
        }
        String kind = of.toString();
        if (kind.equals("BOOLEAN"))
            return random.nextBoolean();
        if (kind.equals("INT8"))
            return (byte) integer();
        if (kind.equals("INT16"))
            return (short) integer();
        if (kind.equals("UINT16"))
            return (int) integer() & 0xffff;
        if (kind.equals("INT32"))
            return (int) integer();
        if (kind.equals("INT64"))
            return integer();
        if (kind.equals("UUID"))
            return random.nextInt(4) == 0 ? Uuid.ZERO_UUID : new Uuid(random.nextLong(), random.nextLong());
        if (kind.endsWith("STRING"))
            return random.ints(random.nextInt(20), 0, CHARACTERS.length).map(i -> CHARACTERS[i])
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
        byte[] bytes = new byte[random.nextInt(30)];
        random.nextBytes(bytes);
        if (kind.endsWith("RECORDS"))
            return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes));
        if (kind.endsWith("BYTES"))
            return ByteBuffer.wrap(bytes);
        throw new IllegalStateException("no random value for " + kind);
    }

    // All widths, and often the −1 that many fields have for their default.
    private long integer() {
        return random.nextInt(6) == 0 ? -1 : random.nextLong() >> random.nextInt(64);
    }

    private static void printVersions(PrintStream out) {
        for (ApiMessageType api : ApiMessageType.values()) {
            StringBuilder line = new StringBuilder(api.apiKey() + " " + api.name);
            for (short version = api.lowestSupportedVersion(); version <= api.highestSupportedVersion(true); version++)
                line.append(" " + version + ":" + api.requestHeaderVersion(version) + ":" + api.responseHeaderVersion(version));
            out.println(line);
        }
    }
}
