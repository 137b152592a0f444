// sarama. Requests and answers: ../README.md.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/IBM/sarama"
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
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Partitioner = sarama.NewManualPartitioner
	if asked.Idempotent {
		config.Producer.Idempotent = true
		config.Net.MaxOpenRequests = 1
	}
	if asked.Do == "produce" {
		if err := config.Producer.Compression.UnmarshalText([]byte(asked.Codec)); err != nil {
			return nil, err
		}
	}
	client, err := sarama.NewClient([]string{address}, config)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	switch asked.Do {
	case "create", "delete":
		admin, err := sarama.NewClusterAdminFromClient(client)
		if err != nil {
			return nil, err
		}
		if asked.Do == "delete" {
			return map[string]int{}, admin.DeleteTopic(asked.Topic)
		}
		if err := admin.CreateTopic(asked.Topic, &sarama.TopicDetail{NumPartitions: asked.Partitions, ReplicationFactor: 1}, false); err != nil {
			return nil, err
		}
		described, err := admin.DescribeTopics([]string{asked.Topic})
		if err != nil {
			return nil, err
		}
		return map[string]int{"partitions": len(described[0].Partitions)}, nil
	case "produce":
		return produce(client, asked)
	case "consume":
		return consume(client, asked)
	}
	return nil, fmt.Errorf("unknown request")
}

// A nil Encoder is null, an empty one is empty.
func encoder(data []byte) sarama.Encoder {
	if data == nil {
		return nil
	}
	return sarama.ByteEncoder(data)
}

func produce(client sarama.Client, asked request) (any, error) {
	producer, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	messages := make([]*sarama.ProducerMessage, len(asked.Records))
	for i, one := range asked.Records {
		messages[i] = &sarama.ProducerMessage{Topic: asked.Topic, Partition: *one.Partition, Key: encoder(one.Key), Value: encoder(one.Value),
			Timestamp: time.UnixMilli(one.Timestamp)}
		for _, h := range one.Headers {
			messages[i].Headers = append(messages[i].Headers, sarama.RecordHeader{Key: []byte(h.name), Value: h.value})
		}
	}
	if err := producer.SendMessages(messages); err != nil {
		return nil, fmt.Errorf("%w: %v", err, err.(sarama.ProducerErrors)[0].Err)
	}
	offsets := make([][2]int64, len(messages))
	for i, one := range messages {
		offsets[i] = [2]int64{int64(one.Partition), one.Offset}
	}
	return map[string]any{"offsets": offsets}, nil
}

func consume(client sarama.Client, asked request) (any, error) {
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	partitions, err := consumer.Partitions(asked.Topic)
	if err != nil {
		return nil, err
	}
	records := []record{}
	for _, p := range partitions {
		end, err := client.GetOffset(asked.Topic, p, sarama.OffsetNewest)
		if err != nil {
			return nil, err
		}
		begin, err := client.GetOffset(asked.Topic, p, sarama.OffsetOldest)
		if asked.From.Time != nil {
			begin, err = client.GetOffset(asked.Topic, p, *asked.From.Time)
			if begin < 0 {
				begin = end
			}
		} else if asked.From.Offset != nil {
			begin = *asked.From.Offset
		}
		if err != nil {
			return nil, err
		}
		if begin >= end {
			continue
		}
		reader, err := consumer.ConsumePartition(asked.Topic, p, begin)
		if err != nil {
			return nil, err
		}
		for at := begin; at < end; {
			select {
			case m := <-reader.Messages():
				at = m.Offset + 1
				one := record{&m.Partition, m.Offset, m.Timestamp.UnixMilli(), m.Key, m.Value, []header{}}
				for _, h := range m.Headers {
					one.Headers = append(one.Headers, header{string(h.Key), h.Value})
				}
				records = append(records, one)
			case <-time.After(30 * time.Second):
				reader.Close()
				return nil, fmt.Errorf("no record of partition %d from %d on within 30 s", p, at)
			}
		}
		if err := reader.Close(); err != nil {
			return nil, err
		}
	}
	return map[string]any{"records": records}, nil
}
