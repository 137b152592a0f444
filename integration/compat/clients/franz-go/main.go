// franz-go. Requests and answers: ../README.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

type header struct {
	name  string
	value []byte
}

func (h header) MarshalJSON() ([]byte, error) { return json.Marshal([]any{h.name, h.value}) }
func (h *header) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&h.name, &h.value})
}

type record struct {
	Partition *int32   `json:"partition"`
	Offset    int64    `json:"offset"`
	Timestamp int64    `json:"timestamp"`
	Key       []byte   `json:"key"` // base64 or null is what encoding/json makes of bytes
	Value     []byte   `json:"value"`
	Headers   []header `json:"headers"`
}

type request struct {
	Do         string
	Topic      string
	Partitions int32
	Codec      string
	Idempotent bool
	Records    []record
	From       struct{ Offset, Time *int64 }
}

func main() {
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked request
		var answer any
		if err = json.Unmarshal(line, &asked); err == nil {
			answer, err = answerTo(os.Args[1], asked)
		}
		if err != nil {
			answer = map[string]string{"error": err.Error()}
		}
		json.NewEncoder(os.Stdout).Encode(answer)
	}
}

func answerTo(address string, asked request) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	options := []kgo.Opt{kgo.SeedBrokers(address)}
	if asked.Do == "produce" {
		return produce(ctx, options, asked)
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	switch asked.Do {
	case "create":
		if _, err := admin.CreateTopic(ctx, asked.Partitions, -1, nil, asked.Topic); err != nil {
			return nil, err
		}
		topics, err := admin.ListTopics(ctx, asked.Topic)
		return map[string]int{"partitions": len(topics[asked.Topic].Partitions)}, err
	case "delete":
		_, err := admin.DeleteTopic(ctx, asked.Topic)
		return map[string]int{}, err
	case "consume":
		return consume(ctx, admin, options, asked)
	}
	return nil, fmt.Errorf("unknown request")
}

func produce(ctx context.Context, options []kgo.Opt, asked request) (any, error) {
	codec := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}[asked.Codec]
	options = append(options, kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(20*time.Millisecond), kgo.RecordPartitioner(chosen{kgo.StickyKeyPartitioner(nil)}))
	if !asked.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	sent := make([]*kgo.Record, len(asked.Records))
	for i, one := range asked.Records {
		sent[i] = &kgo.Record{Topic: asked.Topic, Key: one.Key, Value: one.Value, Timestamp: time.UnixMilli(one.Timestamp), Partition: -1}
		if one.Partition != nil {
			sent[i].Partition = *one.Partition
		}
		for _, h := range one.Headers {
			sent[i].Headers = append(sent[i].Headers, kgo.RecordHeader{Key: h.name, Value: h.value})
		}
	}
	if err := client.ProduceSync(ctx, sent...).FirstErr(); err != nil {
		return nil, err
	}
	offsets := make([][2]int64, len(sent))
	for i, one := range sent {
		offsets[i] = [2]int64{int64(one.Partition), one.Offset}
	}
	return map[string]any{"offsets": offsets}, nil
}

// chosen takes the partition that a record names, else asks another partitioner.
type chosen struct{ kgo.Partitioner }
type chosenTopic struct{ kgo.TopicPartitioner }

func (c chosen) ForTopic(topic string) kgo.TopicPartitioner { return chosenTopic{c.Partitioner.ForTopic(topic)} }
func (c chosenTopic) Partition(r *kgo.Record, n int) int {
	if r.Partition >= 0 {
		return int(r.Partition)
	}
	return c.TopicPartitioner.Partition(r, n)
}

func consume(ctx context.Context, admin *kadm.Client, options []kgo.Opt, asked request) (any, error) {
	ends, err := admin.ListEndOffsets(ctx, asked.Topic)
	if err != nil {
		return nil, err
	}
	begins, err := admin.ListStartOffsets(ctx, asked.Topic)
	if asked.From.Time != nil {
		begins, err = admin.ListOffsetsAfterMilli(ctx, *asked.From.Time, asked.Topic)
	}
	if err != nil {
		return nil, err
	}
	from, left := map[int32]kgo.Offset{}, int64(0)
	for p, begin := range begins[asked.Topic] {
		at := begin.Offset
		if asked.From.Offset != nil {
			at = *asked.From.Offset
		}
		from[p] = kgo.NewOffset().At(at)
		left += max(0, ends[asked.Topic][p].Offset-at)
	}
	client, err := kgo.NewClient(append(options, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{asked.Topic: from}),
		kgo.FetchMaxWait(500*time.Millisecond))...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	records := []record{}
	for int64(len(records)) < left {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			return nil, err
		}
		fetched.EachRecord(func(r *kgo.Record) {
			one := record{&r.Partition, r.Offset, r.Timestamp.UnixMilli(), r.Key, r.Value, []header{}}
			for _, h := range r.Headers {
				one.Headers = append(one.Headers, header{h.Key, h.Value})
			}
			records = append(records, one)
		})
	}
	return map[string]any{"records": records}, nil
}
