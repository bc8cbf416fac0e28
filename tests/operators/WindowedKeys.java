// Windowed keys as Kafka Streams writes and reads them. A line "TYPE KEY SIZE START END HEX" on the input (SIZE 0: a session)
// gives a line "HEX KEY START END": the key as its serialiser writes it, and what its deserialiser reads from HEX.

import java.util.HexFormat;
import java.util.Scanner;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.kstream.SessionWindowedDeserializer;
import org.apache.kafka.streams.kstream.SessionWindowedSerializer;
import org.apache.kafka.streams.kstream.TimeWindowedDeserializer;
import org.apache.kafka.streams.kstream.TimeWindowedSerializer;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.internals.SessionWindow;
import org.apache.kafka.streams.kstream.internals.TimeWindow;

public class WindowedKeys {
    public static void main(String[] arguments) {
        Scanner lines = new Scanner(System.in);
        while (lines.hasNext()) {
            String type = lines.next(), key = lines.next();
            long size = lines.nextLong(), start = lines.nextLong(), end = lines.nextLong();
            byte[] given = HexFormat.of().parseHex(lines.next());
            switch (type) {
                case "INTEGER" -> told(Serdes.Integer(), Integer.valueOf(key), size, start, end, given);
                case "BIGINT" -> told(Serdes.Long(), Long.valueOf(key), size, start, end, given);
                case "DOUBLE" -> told(Serdes.Double(), Double.valueOf(key), size, start, end, given);
                default -> told(Serdes.String(), key, size, start, end, given);
            }
        }
    }

    static <T> void told(Serde<T> serde, T key, long size, long start, long end, byte[] given) {
        byte[] written;
        Windowed<T> read;
        if (size == 0) {
            written = new SessionWindowedSerializer<>(serde.serializer())
                .serialize("t", new Windowed<>(key, new SessionWindow(start, end)));
            read = new SessionWindowedDeserializer<>(serde.deserializer()).deserialize("t", given);
        } else {
            written = new TimeWindowedSerializer<>(serde.serializer())
                .serialize("t", new Windowed<>(key, new TimeWindow(start, end)));
            read = new TimeWindowedDeserializer<>(serde.deserializer(), size).deserialize("t", given);
        }
        System.out.printf("%s %s %d %d%n", HexFormat.of().formatHex(written), read.key(), read.window().start(), read.window().end());
    }
}
