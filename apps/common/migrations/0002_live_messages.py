import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("common", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="livetopic",
            name="sent_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.CreateModel(
            name="LiveMessage",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "topic", "slot", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("topic", models.CharField(max_length=120)),
                ("slot", models.SmallIntegerField()),
                ("sequence", models.BigIntegerField()),
                ("delta", models.TextField()),
            ],
            options={"db_table": "common_live_message"},
        ),
    ]
