// Sends requests of Kafka's protocol exactly as told, and prints the answers, both as Kafka's own JSON forms of its messages.
// usage: java -cp 'JARS/*' RawRequests.java HOST PORT < lines "NAME VERSION JSON" > lines of JSON, or "closed" where the connection was closed
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.nio.ByteBuffer;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.Readable;

public class RawRequests {
  static Class<?> named(String name, String suffix) throws Exception {
    return Class.forName("org.apache.kafka.common.message." + name + suffix);
  }

  static byte[] bytes(Message message, short version) {
    ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, version).buffer();
    byte[] all = new byte[buffer.remaining()];
    buffer.get(all);
    return all;
  }

  public static void main(String[] arguments) throws Exception {
    ObjectMapper mapper = new ObjectMapper();
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    Socket socket = null;
    int correlation = 0;
    for (String line; (line = in.readLine()) != null;) {
      String[] parts = line.split(" ", 3);
      String name = parts[0];
      short version = Short.parseShort(parts[1]);
      Message request = (Message) named(name, "RequestDataJsonConverter").getMethod("read", JsonNode.class, short.class)
          .invoke(null, mapper.readTree(parts[2]), version);
      ApiKeys key = ApiKeys.forId(((org.apache.kafka.common.protocol.ApiMessage) request).apiKey());
      RequestHeaderData header = new RequestHeaderData();
      header.setRequestApiKey(key.id).setRequestApiVersion(version).setCorrelationId(++correlation).setClientId("raw");
      byte[] head = bytes(header, key.requestHeaderVersion(version)), body = bytes(request, version);
      if (socket == null) {
        socket = new Socket(arguments[0], Integer.parseInt(arguments[1]));
        socket.setSoTimeout(30_000);
        socket.setTcpNoDelay(true);
      }
      try {
        DataOutputStream out = new DataOutputStream(new java.io.BufferedOutputStream(socket.getOutputStream()));
        out.writeInt(head.length + body.length);
        out.write(head);
        out.write(body);
        out.flush();
        DataInputStream from = new DataInputStream(socket.getInputStream());
        byte[] answer = new byte[from.readInt()];
        from.readFully(answer);
        ByteBufferAccessor reader = new ByteBufferAccessor(ByteBuffer.wrap(answer));
        ResponseHeaderData answered = new ResponseHeaderData(reader, key.responseHeaderVersion(version));
        if (answered.correlationId() != correlation)
          throw new IllegalStateException("correlation id " + answered.correlationId() + " instead of " + correlation);
        Class<?> type = named(name, "ResponseData");
        Object response = type.getConstructor(Readable.class, short.class).newInstance(reader, version);
        if (reader.remaining() != 0)
          throw new IllegalStateException(reader.remaining() + " bytes after the response");
        System.out.println(named(name, "ResponseDataJsonConverter").getMethod("write", type, short.class).invoke(null, response, version));
      } catch (IOException closed) {
        socket.close();
        socket = null;
        System.out.println("closed");
      }
      System.out.flush();
    }
  }
}
